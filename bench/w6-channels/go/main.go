// Values from goroutine to goroutine: what the harness's micro.mjs asks of a program.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"
)

const capacity = 1024

func one(capacity, count int) (sum int) {
	values := make(chan int, capacity)
	go func() {
		for i := 0; i < count; i++ {
			values <- i
		}
		close(values)
	}()
	for value := range values {
		sum += value
	}
	return sum
}

func two(count int) (sum int) {
	a, b := make(chan int, capacity), make(chan int, capacity)
	send := func(to chan<- int, first int) {
		for i := first; i < count; i += 2 {
			to <- i
		}
	}
	go send(a, 0)
	go send(b, 1)
	for i := 0; i < count; i++ {
		select {
		case value := <-a:
			sum += value
		case value := <-b:
			sum += value
		}
	}
	return sum
}

func work(cell string, count int) int {
	switch cell {
	case "buffered":
		return one(capacity, count)
	case "rendezvous":
		return one(0, count)
	default:
		return two(count)
	}
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
