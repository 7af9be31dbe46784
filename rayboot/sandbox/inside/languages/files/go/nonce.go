// Package nonce reads the secret before the program's package is initialised, and says it when the test file is through.
package nonce

import "syscall"

var secret = read()

func read() []byte {
	line := []byte("\n")
	for c := []byte{0}; ; line = append(line, c[0]) {
		if n, err := syscall.Read(0, c); n != 1 || err != nil || c[0] == '\n' {
			return append(line, '\n')
		}
	}
}

// Finish does not go by os.Stderr, which the program may have replaced; and its other goroutines get no time.
func Finish() {
	syscall.Write(2, secret)
	syscall.Exit(0)
}
