package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// words finds the encodings in assembly, and the instruction beside each.
var words = regexp.MustCompile(`WORD \$(0x[0-9a-f]{8}) // (.*)`)

// every writes each instruction with registers that set every bit of each field.
func every() *assembler {
	a := newAssembler("test")
	for op := range three {
		a.v3(op, 31, 0, 0)
		a.v3(op, 0, 31, 0)
		a.v3(op, 0, 0, 31)
	}
	for op := range two {
		a.v2(op, 31, 0)
		a.v2(op, 0, 31)
	}
	for op := range byElement {
		for i := range 4 {
			a.lane(op, 31, 0, 0, i)
			a.lane(op, 0, 31, 0, i)
			a.lane(op, 0, 0, 31, i)
		}
	}
	a.halve(31, 0)
	a.halve(0, 31)
	return a
}

// An independent assembler agrees with every encoding.
func TestWordsAreTheInstructionsBesideThem(t *testing.T) {
	llvm, err := exec.LookPath("llvm-mc")
	if err != nil {
		t.Skip("this machine has no llvm-mc (Debian: llvm)")
	}
	found := words.FindAllStringSubmatch(every().text.String(), -1)
	if want := 3*len(three) + 2*len(two) + 12*len(byElement) + 2; len(found) != want {
		t.Fatalf("%d instructions were written, want %d", len(found), want)
	}
	for _, m := range found {
		mc := exec.Command(llvm, "-triple=aarch64", "-filetype=asm", "-show-encoding")
		mc.Stdin = strings.NewReader(m[2] + "\n")
		out, err := mc.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %s", m[2], out)
		}
		if got := encoded(t, out); got != m[1] {
			t.Errorf("%s is %s, want %s", m[2], m[1], got)
		}
	}
}

// encoded is the word that llvm-mc shows as bytes, the lowest first.
func encoded(t *testing.T, out []byte) string {
	_, list, ok := bytes.Cut(out, []byte("encoding: ["))
	list, _, _ = bytes.Cut(list, []byte("]"))
	parts := strings.Split(string(list), ",")
	if !ok || len(parts) != 4 {
		t.Fatalf("no encoding in %s", out)
	}
	var word string
	for i := range parts {
		word += strings.TrimPrefix(parts[3-i], "0x")
	}
	return "0x" + word
}
