// The server of W11 in Go: a goroutine a connection, its first byte is a line's answer.
//
//	churn [PORT]
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"
	"sync"
)

type tally struct {
	mu                             sync.Mutex
	open, connections, frames, sum uint64
}

func (t *tally) opened() {
	t.mu.Lock()
	t.open++
	t.mu.Unlock()
}

// closed prints the totals since the start whenever the last open connection has ended.
func (t *tally) closed(frames, sum uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.connections++
	t.frames += frames
	t.sum += sum
	t.open--
	if t.open == 0 {
		fmt.Printf("{\"connections\":%d,\"frames\":%d,\"sum\":%d}\n", t.connections, t.frames, t.sum)
	}
}

func serve(conn net.Conn, t *tally) {
	var frames, sum uint64
	reader := bufio.NewReaderSize(conn, 512) // lines are short, and a connection has one
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			break
		}
		frames++
		sum += uint64(line[0])
		if _, err := conn.Write([]byte{line[0], '\n'}); err != nil {
			break
		}
	}
	conn.Close()
	t.closed(frames, sum)
}

func main() {
	port := "0"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	t := &tally{}
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		t.opened()
		go serve(conn, t)
	}
}
