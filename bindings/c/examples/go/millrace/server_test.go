package millrace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A server of the test's own, by the path in REDIS_SERVER, on a socket in a directory of its own.
type server struct {
	t      *testing.T
	socket string
	conn   net.Conn
	reader *bufio.Reader
}

func startServer(t *testing.T) *server {
	t.Helper()
	path := os.Getenv("REDIS_SERVER")
	if path == "" {
		path = "redis-server"
	}
	if _, err := exec.LookPath(path); err != nil {
		t.Skip("no Redis: REDIS_SERVER is the path of one")
	}
	directory := t.TempDir()
	s := &server{t: t, socket: filepath.Join(directory, "redis.sock")}
	process := exec.Command(path, "--port", "0", "--unixsocket", s.socket, "--dir", directory, "--save", "")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = process.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = process.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		var err error
		if s.conn, err = net.Dial("unix", s.socket); err == nil {
			break
		}
		select {
		case <-ended:
			t.Fatalf("%s ended by itself", path)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { s.conn.Close() })
	s.reader = bufio.NewReader(s.conn)
	return s
}

func (s *server) url(query string) string {
	return "unix://" + s.socket + "?" + query
}

// ask sends a command, and tells the answer: lists as [a b [c]], errors with their minus.
func (s *server) ask(command ...string) string {
	s.t.Helper()
	var line strings.Builder
	fmt.Fprintf(&line, "*%d\r\n", len(command))
	for _, part := range command {
		fmt.Fprintf(&line, "$%d\r\n%s\r\n", len(part), part)
	}
	if _, err := io.WriteString(s.conn, line.String()); err != nil {
		s.t.Fatal(err)
	}
	answer, err := s.read()
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

func (s *server) read() (string, error) {
	line, err := s.reader.ReadString('\n')
	if err != nil || len(line) < 3 {
		return "", fmt.Errorf("no answer: %q, %v", line, err)
	}
	rest := line[1 : len(line)-2]
	count, _ := strconv.Atoi(rest)
	switch {
	case line[0] == '$' && count >= 0:
		text := make([]byte, count+2)
		_, err := io.ReadFull(s.reader, text)
		return string(text[:count]), err
	case line[0] == '*':
		items := make([]string, 0, 4)
		for i := 0; i < count; i++ {
			item, err := s.read()
			if err != nil {
				return "", err
			}
			items = append(items, item)
		}
		return "[" + strings.Join(items, " ") + "]", nil
	case line[0] == '-':
		return line[:len(line)-2], nil
	}
	return rest, nil
}

func (s *server) add(count int) {
	for i := 0; i < count; i++ {
		s.ask("XADD", "orders", "*", "n", strconv.Itoa(i))
	}
}

// pending is how many entries of the group are.
func (s *server) pending() string {
	return strings.Fields(s.ask("XPENDING", "orders", "g"))[0]
}

const query = "streams=orders&group=g&consumer=c&batch_size=3&flush_interval=20ms&nack_delay=10ms"

func newClient(t *testing.T, url string) *Client {
	t.Helper()
	client, err := New(Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func openClient(t *testing.T, s *server) *Client {
	t.Helper()
	client := newClient(t, s.url(query))
	if err := client.Open(); err != nil {
		t.Fatal(err)
	}
	return client
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func next(t *testing.T, client *Client) *Batch {
	t.Helper()
	batch, err := client.Next(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func until(t *testing.T, is func() bool) {
	t.Helper()
	for late := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("it did not become so within 10 s")
		}
	}
}

func values(batch *Batch) string {
	var texts []string
	for i := range batch.Entries {
		texts = append(texts, batch.Entries[i].Fields[0].Value)
	}
	return strings.Join(texts, " ")
}

func wantOK(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code Code) {
	t.Helper()
	var told *Error
	if !errors.Is(err, code) || !errors.As(err, &told) || told.Code != code || told.Message == "" {
		t.Fatalf("got %v, not %v", err, code)
	}
}

func wantText(t *testing.T, got, wanted string) {
	t.Helper()
	if got != wanted {
		t.Fatalf("got %q, not %q", got, wanted)
	}
}
