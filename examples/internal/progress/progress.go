// Package progress draws how far the examples are: a bar on a terminal, one
// line for each finished stage elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	width = 30                     // of the bar, in characters
	every = 100 * time.Millisecond // between two drawings
)

// Bar shows one stage after another. It is for one goroutine.
type Bar struct {
	w        io.Writer
	terminal bool
	now      func() time.Time

	stage        string
	began, drawn time.Time
	ended        bool
}

// New returns a bar that is written to w.
func New(w io.Writer) *Bar { return &Bar{w: w, terminal: isTerminal(w), now: time.Now, ended: true} }

// Set shows that done of total steps of the stage are done. The stage ends when
// all are; to begin it again, Close first.
func (b *Bar) Set(stage string, done, total int64) {
	now := b.now()
	if stage != b.stage {
		b.Close()
		b.stage, b.began, b.drawn, b.ended = stage, now, time.Time{}, false
	}
	if b.ended {
		return
	}
	b.ended = done >= total
	if b.terminal && (b.ended || now.Sub(b.drawn) >= every) {
		b.drawn = now
		fmt.Fprintf(b.w, "\r%-9s %s %3d %% %5.1f s %-12s", stage, bar(done, total), percent(done, total), now.Sub(b.began).Seconds(), left(now.Sub(b.began), done, total))
	}
	switch {
	case b.ended && b.terminal:
		fmt.Fprintln(b.w)
	case b.ended:
		fmt.Fprintf(b.w, "%s: %.1f s\n", stage, now.Sub(b.began).Seconds())
	}
}

// Close leaves a bar that has not ended, so that other text has its own line.
func (b *Bar) Close() {
	if !b.ended && b.terminal {
		fmt.Fprintln(b.w)
	}
	b.stage, b.ended = "", true
}

func bar(done, total int64) string {
	full := int(percent(done, total) * width / 100)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}

// left is what the rest takes if it takes as long as what is done took.
func left(took time.Duration, done, total int64) string {
	if done <= 0 || done >= total {
		return ""
	}
	rest := time.Duration(float64(took) * float64(total-done) / float64(done))
	return rest.Round(time.Second).String() + " left"
}

func percent(done, total int64) int64 {
	if total <= 0 {
		return 100
	}
	return min(max(100*done/total, 0), 100)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
