package main

import (
	"fmt"
	"sync"
)

type counts struct {
	frames, sum uint64
}

func (c *counts) add(line []byte) {
	c.frames++
	c.sum += uint64(line[0])
}

// tally holds the totals of the process. A goroutine counts on its own stack and adds to them once, at its end.
type tally struct {
	mu          sync.Mutex
	open        int
	connections uint64
	total       counts
	drain       func() counts // what is still on its way when the last connection has ended
}

func (t *tally) opened() {
	t.mu.Lock()
	t.open++
	t.mu.Unlock()
}

// closed prints the totals since the start whenever the last open connection has ended.
func (t *tally) closed(c counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addLocked(c)
	t.connections++
	t.open--
	if t.open > 0 {
		return
	}
	t.addLocked(t.drain())
	fmt.Printf("{\"connections\":%d,\"frames\":%d,\"sum\":%d}\n", t.connections, t.total.frames, t.total.sum)
}

func (t *tally) addLocked(c counts) {
	t.total.frames += c.frames
	t.total.sum += c.sum
}
