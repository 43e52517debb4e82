// The ingest server as a Go program: bufio.Scanner, in four forms.
//
//	ingest direct [PORT]    the connection's goroutine looks at each line itself
//	ingest default [PORT]   the same with the buffer that NewScanner makes, 4 KiB
//	ingest text [PORT]      as direct, with a string for each line
//	ingest channel [PORT]   the lines go over a buffered channel to two goroutines
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"
)

// A line fits many times over: large reads, few system calls.
const bufferBytes = 64 * 1024

func newScanner(conn net.Conn) *bufio.Scanner {
	scanner := bufio.NewScanner(conn)
	scanner.Buffer(make([]byte, bufferBytes), bufferBytes)
	return scanner
}

func scan(scanner *bufio.Scanner) (c counts) {
	for scanner.Scan() {
		c.add(scanner.Bytes())
	}
	return c
}

func text(conn net.Conn) (c counts) {
	for scanner := newScanner(conn); scanner.Scan(); {
		line := scanner.Text()
		c.frames++
		c.sum += uint64(line[0])
	}
	return c
}

func main() {
	mode, port := "direct", "0"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	if len(os.Args) > 2 {
		port = os.Args[2]
	}
	t := &tally{drain: func() counts { return counts{} }}
	var handle func(net.Conn) counts
	switch mode {
	case "direct":
		handle = func(conn net.Conn) counts { return scan(newScanner(conn)) }
	case "default":
		handle = func(conn net.Conn) counts { return scan(bufio.NewScanner(conn)) }
	case "text":
		handle = text
	case "channel":
		p := newPipeline()
		handle, t.drain = p.produce, p.drain
	default:
		log.Fatalf("no such mode: %s", mode)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		t.opened()
		go func() {
			c := handle(conn)
			conn.Close()
			t.closed(c)
		}()
	}
}
