// The same messages from goroutine to goroutine: 64 bytes by value, or a pointer to them.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"
)

type message [64]byte

func byValue(capacity, count int) (sum int) {
	values := make(chan message, capacity)
	go func() {
		var m message
		for i := 0; i < count; i++ {
			m[0] = byte(i)
			values <- m
		}
		close(values)
	}()
	for m := range values {
		sum += int(m[0])
	}
	return sum
}

// The ring of messages is larger than the channel, so that no message is written to before it was read.
func byPointer(capacity, count int) (sum int) {
	pointers := make(chan *message, capacity)
	go func() {
		ring := make([]message, 2*capacity+2)
		for i := 0; i < count; i++ {
			m := &ring[i%len(ring)]
			m[0] = byte(i)
			pointers <- m
		}
		close(pointers)
	}()
	for m := range pointers {
		sum += int(m[0])
	}
	return sum
}

// 64 messages a value, copied into a slice of the sender's ring as a batch would be.
func batched(capacity, count int) (sum int) {
	const size = 64
	batches := make(chan []message, capacity/size)
	go func() {
		ring := make([]message, 2*capacity+2*size)
		var m message
		for i := 0; i < count; {
			first := i % len(ring)
			batch := ring[first : first+min(size, count-i)]
			for j := range batch {
				m[0] = byte(i)
				batch[j] = m
				i++
			}
			batches <- batch
		}
		close(batches)
	}()
	for batch := range batches {
		for j := range batch {
			sum += int(batch[j][0])
		}
	}
	return sum
}

func work(way, cell string, count int) int {
	capacity := 1024
	if cell == "rendezvous" {
		capacity = 0
	}
	switch {
	case cell == "batched":
		return batched(capacity, count)
	case way == "pointer":
		return byPointer(capacity, count)
	default:
		return byValue(capacity, count)
	}
}

func main() {
	way, cell := os.Args[1], os.Args[2]
	count, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	work(way, cell, count/10)
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	began := time.Now()
	sum := work(way, cell, count)
	fmt.Printf("{\"operations\":%d,\"checksum\":%d,\"elapsedNs\":%d}\n", count, sum, time.Since(began).Nanoseconds())
}
