// W7 as a Go program has it: tasks over a channel to goroutines, each answer over a channel of its own, a thousand under way. Payloads are
// copied, as they are for the other peers.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const inFlight = 1000

type task struct {
	payload []byte
	answer  chan int64
}

func handle(cell string, payload []byte) int64 {
	switch cell {
	case "noop", "noop-2":
		return 1
	case "us-10":
		for end := time.Now().Add(10 * time.Microsecond); time.Now().Before(end); {
		}
		return 1
	}
	return int64(payload[0])
}

func run(cell string, payload []byte, tasks chan<- task, operations int64) int64 {
	var begun, sum atomic.Int64
	var all sync.WaitGroup
	for i := 0; i < inFlight; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			answer := make(chan int64, 1)
			for begun.Add(1) <= operations {
				var own []byte
				if payload != nil {
					own = append([]byte(nil), payload...)
				}
				tasks <- task{own, answer}
				sum.Add(<-answer)
			}
		}()
	}
	all.Wait()
	return sum.Load()
}

func main() {
	cell := os.Args[1]
	operations, _ := strconv.ParseInt(os.Args[2], 10, 64)
	var payload []byte
	if size := map[string]int{"kib-1": 1024, "kib-64": 65536}[cell]; size > 0 {
		payload = make([]byte, size)
		for i := range payload {
			payload[i] = 1
		}
	}
	tasks := make(chan task, 1024)
	for i := 0; i < runtime.NumCPU(); i++ {
		go func() {
			for t := range tasks {
				t.answer <- handle(cell, t.payload)
			}
		}()
	}
	run(cell, payload, tasks, operations/10)
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	began := time.Now()
	sum := run(cell, payload, tasks, operations)
	fmt.Printf("{\"operations\":%d,\"checksum\":%d,\"elapsedNs\":%d}\n", operations, sum, time.Since(began).Nanoseconds())
}
