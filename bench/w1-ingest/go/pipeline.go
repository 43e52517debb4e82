package main

import (
	"bytes"
	"net"
	"sync"
)

const (
	channelCapacity = 1024
	consumers       = 2
)

// pipeline hands lines over a channel to two goroutines. A line is copied out of the scanner's buffer, which the next
// Scan uses again. A nil line is a barrier: the channel is first in, first out, so whoever takes it has dealt with all
// lines that it took before.
type pipeline struct {
	lines   chan []byte
	mu      sync.Mutex
	total   counts
	reached *sync.WaitGroup // by how many consumers the current barrier is still awaited
}

func newPipeline() *pipeline {
	p := &pipeline{lines: make(chan []byte, channelCapacity)}
	for range consumers {
		go p.consume()
	}
	return p
}

func (p *pipeline) produce(conn net.Conn) counts {
	for scanner := newScanner(conn); scanner.Scan(); {
		p.lines <- bytes.Clone(scanner.Bytes())
	}
	return counts{}
}

func (p *pipeline) consume() {
	var c counts
	for line := range p.lines {
		if line != nil {
			c.add(line)
			continue
		}
		p.mu.Lock()
		p.total.frames += c.frames
		p.total.sum += c.sum
		reached := p.reached
		p.mu.Unlock()
		c = counts{}
		reached.Done()
		reached.Wait() // so that the next barrier goes to the other consumer
	}
}

// drain waits until both consumers have dealt with every line sent so far.
func (p *pipeline) drain() counts {
	reached := &sync.WaitGroup{}
	reached.Add(consumers)
	p.mu.Lock()
	p.total = counts{}
	p.reached = reached
	p.mu.Unlock()
	for range consumers {
		p.lines <- nil
	}
	reached.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}
