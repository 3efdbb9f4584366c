// Command echo answers each length-prefixed frame with the same frame: the
// yardstick for the registry benchmark. It does what a Go server does before
// it does anything useful, one goroutine for each connection, and nothing
// else, so it shows what the loopback interface and the Go runtime allow.
//
// It listens on a free loopback port, prints the port as the first line of
// standard output and exits when standard input is closed.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
)

// maxFrameBytes bounds a payload; a longer frame ends its connection.
const maxFrameBytes = 64 << 10

const headerBytes = 4

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)

	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = listener.Close()
	}()

	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer conn.Close()
			if err := echo(conn); err != nil && !errors.Is(err, io.EOF) {
				log.Print(err)
			}
		}()
	}
}

// echo serves one connection until the peer closes it (io.EOF) or breaks the
// framing. The buffer is reused, so a frame costs no allocation; each frame is
// answered with one Write.
func echo(conn net.Conn) error {
	reader := bufio.NewReader(conn)
	frame := make([]byte, headerBytes+maxFrameBytes)
	for {
		if _, err := io.ReadFull(reader, frame[:headerBytes]); err != nil {
			return err
		}
		size := binary.BigEndian.Uint32(frame)
		if size > maxFrameBytes {
			return fmt.Errorf("frame of %d bytes is above the limit of %d", size, maxFrameBytes)
		}
		answer := frame[:headerBytes+size]
		if _, err := io.ReadFull(reader, answer[headerBytes:]); err != nil {
			return err
		}
		if _, err := conn.Write(answer); err != nil {
			return err
		}
	}
}
