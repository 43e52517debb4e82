// A goroutine for each stage, channels between them: what the harness's micro.mjs asks of a program.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const capacity = 1024
const concurrency = 8

func source(count int) <-chan int {
	to := make(chan int, capacity)
	go func() {
		for i := 0; i < count; i++ {
			to <- i
		}
		close(to)
	}()
	return to
}

// The stage gives a value and whether it goes on.
func stage(from <-chan int, step func(int) (int, bool)) <-chan int {
	to := make(chan int, capacity)
	go func() {
		for value := range from {
			if result, wanted := step(value); wanted {
				to <- result
			}
		}
		close(to)
	}()
	return to
}

// So many goroutines at a time, one a value; the results come in the order of the values.
func ordered(from <-chan int, step func(int) int) <-chan int {
	waiting := make(chan chan int, concurrency-1) // one more is at the head
	to := make(chan int, capacity)
	go func() {
		pool := sync.Pool{New: func() any { return make(chan int, 1) }}
		go func() {
			for result := range waiting {
				to <- <-result
				pool.Put(result)
			}
			close(to)
		}()
		for value := range from {
			result := pool.Get().(chan int)
			waiting <- result
			go func() {
				runtime.Gosched() // as long as `await` of a resolved promise: one turn
				result <- step(value)
			}()
		}
		close(waiting)
	}()
	return to
}

func parse(n int) (int, bool)  { return n + 1, true }
func wanted(n int) (int, bool) { return n, n%4 != 0 }
func double(n int) (int, bool) { return n * 2, true }
func less(n int) (int, bool)   { return n - 1, true }
func plusOne(n int) int        { return n + 1 }
func twice(n int) int          { return n * 2 }

func work(cell string, count int) (sum int) {
	values := source(count)
	switch cell {
	case "sync":
		values = stage(stage(stage(stage(values, parse), wanted), double), less)
	case "async":
		values = ordered(ordered(values, plusOne), twice)
	default:
		values = stage(values, parse)
	}
	for value := range values {
		sum += value
	}
	return sum
}

func main() {
	cell := os.Args[1]
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	work(cell, count/10)
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	began := time.Now()
	sum := work(cell, count)
	fmt.Printf("{\"operations\":%d,\"checksum\":%d,\"elapsedNs\":%d}\n", count, sum, time.Since(began).Nanoseconds())
}
