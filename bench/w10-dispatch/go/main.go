// W10 as a Go program has it: a goroutine for each connection reads lines, and hands them in batches, in buffers that are used again,
// over the channel of its lane to the goroutine that works there. A connection's lines go to one lane, so order holds. Answers of a batch
// leave in one write.
//
// dispatch WORKERS. A line on standard input, "alone FRAMES", asks how long the workers take for so many frames without sockets.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// About 5 µs; see tasks.mjs.
const steps = 2900
const digits = 10
const batchBytes = 16 * 1024

// What makes the work one that can't be left out.
var sink = make([]uint32, 64)

func work(seed uint32) uint32 {
	x := seed | 1
	for i := 0; i < steps; i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
	}
	return x
}

// Whole lines of one connection.
type batch struct {
	connection *net.TCPConn
	bytes      []byte
	used       int
	done       *sync.WaitGroup
}

var spare = sync.Pool{New: func() any { return &batch{bytes: make([]byte, batchBytes)} }}

func lane(number int, batches <-chan *batch) {
	answers := make([]byte, 0, batchBytes)
	sum := uint32(0)
	for b := range batches {
		answers = answers[:0]
		rest := b.bytes[:b.used]
		for i := uint32(0); len(rest) > 0; i++ {
			end := bytes.IndexByte(rest, '\n')
			sum ^= work(i)
			answers = append(append(answers, rest[:digits]...), '\n')
			rest = rest[end+1:]
		}
		b.connection.Write(answers)
		sink[number] = sum
		b.done.Done()
		spare.Put(b)
	}
}

// Reads straight into batches; what is left of an unfinished line goes on to the next.
func serve(connection *net.TCPConn, batches chan<- *batch) {
	var done sync.WaitGroup
	b := spare.Get().(*batch)
	b.used = 0
	for {
		n, err := connection.Read(b.bytes[b.used:])
		if err != nil {
			break
		}
		b.used += n
		end := bytes.LastIndexByte(b.bytes[:b.used], '\n') + 1
		if end == 0 {
			continue
		}
		next := spare.Get().(*batch)
		next.used = copy(next.bytes, b.bytes[end:b.used])
		b.used, b.connection, b.done = end, connection, &done
		done.Add(1)
		batches <- b
		b = next
	}
	done.Wait()
	connection.Close()
}

func alone(workers int, frames int) {
	share := (frames + workers - 1) / workers
	began := time.Now()
	var all sync.WaitGroup
	for w := 0; w < workers; w++ {
		all.Add(1)
		go func(w int) {
			defer all.Done()
			sum := uint32(0)
			for i := 0; i < share; i++ {
				sum ^= work(uint32(i))
			}
			sink[w] = sum
		}(w)
	}
	all.Wait()
	fmt.Printf("{\"frames\":%d,\"elapsedNs\":%d}\n", share*workers, time.Since(began).Nanoseconds())
}

func main() {
	workers, _ := strconv.Atoi(os.Args[1])
	lanes := make([]chan *batch, workers)
	for i := range lanes {
		lanes[i] = make(chan *batch, 64)
		go lane(i, lanes[i])
	}
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		for i := 0; ; i++ {
			connection, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			go serve(connection, lanes[i%workers])
		}
	}()
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var frames int
		fmt.Sscanf(input.Text(), "alone %d", &frames)
		alone(workers, frames)
	}
}
