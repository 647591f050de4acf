//! A Redis of a test's own, on a socket in a directory of its own. REDIS_SERVER names the program.
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use millrace::Client;

/// Long enough for a machine that does much else.
pub const LONG: Duration = Duration::from_secs(20);

pub struct Server {
    process: Child,
    directory: PathBuf,
}

impl Server {
    pub fn start() -> Server {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("millrace-rust-{}-{number}", std::process::id()));
        fs::create_dir(&directory).expect("a directory for the server");
        let program = env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
        let mut process = Command::new(&program)
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(directory.join("s"))
            .current_dir(&directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}; REDIS_SERVER names the program"));
        let mut log = BufReader::new(process.stdout.take().expect("its log"));
        let mut line = String::new();
        while !line.to_lowercase().contains("ready to accept connections") {
            line.clear();
            assert_ne!(log.read_line(&mut line).expect("its log"), 0, "{program} ended before it was ready");
        }
        process.stdout = Some(log.into_inner());
        Server { process, directory }
    }

    pub fn url(&self, query: &str) -> String {
        format!("unix://{}?{query}", self.directory.join("s").display())
    }

    /// Sends a command, and answers what the server says: a list as `[a b]`.
    pub fn ask(&self, command: &[&str]) -> String {
        let mut socket = UnixStream::connect(self.directory.join("s")).expect("the server listens");
        write!(socket, "*{}\r\n", command.len()).expect("the server reads");
        for part in command {
            write!(socket, "${}\r\n{part}\r\n", part.len()).expect("the server reads");
        }
        read_reply(&mut BufReader::new(socket))
    }

    /// A stream with entries `n=0`, `n=1`, …, and the group g that reads it from its beginning.
    pub fn fill(&self, stream: &str, count: usize) {
        self.ask(&["XGROUP", "CREATE", stream, "g", "0", "MKSTREAM"]);
        for n in 0..count {
            self.ask(&["XADD", stream, "*", "n", &n.to_string()]);
        }
    }

    /// How many entries of the stream are pending in the group g.
    pub fn pending(&self, stream: &str) -> usize {
        let reply = self.ask(&["XPENDING", stream, "g"]);
        reply[1..].split(' ').next().and_then(|count| count.parse().ok()).expect("a count")
    }

    /// A client of the group g that has opened the stream.
    pub fn consumer(&self, stream: &str, query: &str) -> Client {
        let url = self.url(&format!("streams={stream}&group=g&consumer=c&{query}"));
        let client = Client::connect(&url, &[]).expect("a client");
        client.open().expect("a source");
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
        let _removed = fs::remove_dir_all(&self.directory);
    }
}

fn read_reply(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("a reply");
    let rest = line[1..].trim_end();
    match line.as_bytes()[0] {
        b'$' if rest != "-1" => {
            let mut bytes = vec![0; rest.parse::<usize>().expect("a length") + 2];
            from.read_exact(&mut bytes).expect("a text");
            String::from_utf8_lossy(&bytes[..bytes.len() - 2]).into_owned()
        }
        b'*' if rest != "-1" => {
            let count: usize = rest.parse().expect("a length");
            let items: Vec<_> = (0..count).map(|_| read_reply(from)).collect();
            format!("[{}]", items.join(" "))
        }
        b'$' | b'*' => "nil".into(),
        _ => rest.into(),
    }
}
