// What the loop hands to goroutines that wait with a context: it never waits for them.

package millrace

import (
	"context"
	"sync"
)

type queue[T any] struct {
	mu      sync.Mutex
	items   []T
	max     int
	isFull  bool          // the loop was told that there is no room: it wants to be woken when half of it is there
	err     error         // why nothing comes any more, behind the items
	isOver  bool          // they were taken away
	changed chan struct{} // closed, and made anew, when there is something to look at; nil while nobody waits
	wake    func()
}

func (q *queue[T]) init(max int, wake func()) {
	q.max, q.wake = max, wake
}

func (q *queue[T]) hasRoom() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isFull = len(q.items) >= q.max
	return !q.isFull
}

func (q *queue[T]) push(item T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, item)
	q.tellChange()
}

// fail sets why nothing comes any more; nil: something may come again. Those that it takes away nobody is handed.
func (q *queue[T]) fail(err error, takesAway bool) (taken []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil && q.err == nil {
		q.tellChange()
	}
	q.err, q.isOver = err, takesAway
	if takesAway {
		taken, q.items = q.items, nil
	}
	return taken
}

// unpop is for an item that nobody received: it is the first again. False when no item is wanted any more.
func (q *queue[T]) unpop(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.isOver {
		q.items = append([]T{item}, q.items...)
		q.tellChange()
	}
	return !q.isOver
}

func (q *queue[T]) tellChange() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

func (q *queue[T]) failure() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// pop waits for the next item: for an error behind the last one, or the context's.
func (q *queue[T]) pop(ctx context.Context) (item T, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return item, err
		}
		item, isThere, changed, err := q.look()
		if isThere || err != nil {
			return item, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (q *queue[T]) look() (item T, isThere bool, changed <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) > 0 {
		var none T
		item, q.items[0] = q.items[0], none
		q.items = q.items[1:]
		if q.isFull && len(q.items) <= q.max/2 {
			q.isFull = false
			q.wake()
		}
		return item, true, nil, nil
	}
	if q.err == nil && q.changed == nil {
		q.changed = make(chan struct{})
	}
	return item, false, q.changed, q.err
}

// channel sends what the queue has until it fails or ctx is done; an item that nobody received stays first in it, or is
// dropped where the queue is over.
func (q *queue[T]) channel(ctx context.Context, drop func(T)) <-chan T {
	out := make(chan T)
	go func() {
		defer close(out)
		for {
			item, err := q.pop(ctx)
			if err != nil {
				return
			}
			select {
			case out <- item:
			case <-ctx.Done():
				if !q.unpop(item) {
					drop(item)
				}
				return
			}
		}
	}()
	return out
}
