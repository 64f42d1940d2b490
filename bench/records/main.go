// Command records writes and reads TFRecord files with package tfrecord and with TensorFlow in
// turn, and prints a table; with -memory it writes and opens a hundred thousand
// pictures and prints the most memory that took.
//
//	go run ./bench/records -python python3 -rounds 5
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/argus-go/argus/tfrecord"
)

// job is what both sides do.
type job struct {
	Op          string               `json:"op"` // start, write or read
	Files       []string             `json:"files"`
	Count       int                  `json:"count"` // records in each file
	Size        int                  `json:"size"`  // of a record, bytes
	Compression tfrecord.Compression `json:"compression"`
	Threads     int                  `json:"threads"`
	Records     string               `json:"records"` // file of different records, to be written in turn
}

func main() {
	python := flag.String("python", "python3", "a Python with TensorFlow")
	rounds := flag.Int("rounds", 5, "how often each side does each job")
	threads := flag.Int("threads", 2, "threads of either side, and files")
	megabytes := flag.Int("mb", 200, "megabytes a file (a tenth of it where compressed)")
	memory := flag.Bool("memory", false, "measure memory instead")
	flag.Parse()
	var err error
	if *memory {
		err = measureMemory(context.Background())
	} else {
		err = compare(*python, *rounds, *threads, *megabytes<<20)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// different is how many records there are to write in turn.
const different = 64

func compare(python string, rounds, threads, bytes int) error {
	dir, err := os.MkdirTemp("", "records")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tf, err := startTensorFlow(python, threads)
	if err != nil {
		return err
	}
	defer tf.stop()
	fmt.Printf("| record | compression | op | argus, records/s | MB/s | TensorFlow %s, records/s | MB/s | ratio (lowest–highest) |\n|--:|---|---|--:|--:|--:|--:|--:|\n", tf.version)
	for _, c := range []tfrecord.Compression{tfrecord.None, tfrecord.GZIP} {
		for _, size := range []int{1_000, 20_000, 100_000} {
			total := bytes
			if c != tfrecord.None {
				total /= 10
			}
			j := job{Count: total / size, Size: size, Compression: c, Threads: threads, Records: filepath.Join(dir, "records")}
			for i := range threads {
				j.Files = append(j.Files, filepath.Join(dir, fmt.Sprintf("%d.tfrec", i)))
			}
			if err := row(j, tf, rounds); err != nil {
				return err
			}
		}
	}
	return nil
}

// row does one kind of job on either side in turn. Writing is one thread's work; the
// files are removed before, so that none is overwritten.
func row(j job, tf *tensorflow, rounds int) error {
	records := make([]byte, different*j.Size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(records)
	if err := os.WriteFile(j.Records, records, 0o666); err != nil {
		return err
	}
	sides := [2]func(job) (float64, error){
		func(j job) (float64, error) { return ours(j, records) },
		tf.do,
	}
	for _, op := range []string{"write", "read"} {
		j.Op = op
		var seconds [2][]float64
		for range rounds {
			for k, do := range sides {
				if op == "write" {
					for _, f := range j.Files {
						_ = os.Remove(f)
					}
				}
				s, err := do(j)
				if err != nil {
					return err
				}
				seconds[k] = append(seconds[k], s)
			}
		}
		print(j, seconds)
	}
	return nil
}

func print(j job, seconds [2][]float64) {
	var ratios []float64
	for i := range seconds[0] {
		ratios = append(ratios, seconds[1][i]/seconds[0][i])
	}
	slices.Sort(ratios)
	n := float64(j.Count * len(j.Files))
	rate := func(s []float64) (records, mb float64) {
		m := median(s)
		return n / m, n * float64(j.Size) / m / 1e6
	}
	r0, mb0 := rate(seconds[0])
	r1, mb1 := rate(seconds[1])
	name := string(j.Compression)
	if name == "" {
		name = "none"
	}
	fmt.Printf("| %d B | %s | %s | %.0f | %.0f | %.0f | %.0f | %.2f (%.2f–%.2f) |\n", j.Size, name, j.Op, r0, mb0, r1, mb1, median(ratios), ratios[0], ratios[len(ratios)-1])
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// ours is the job by package tfrecord.
func ours(j job, records []byte) (float64, error) {
	start := time.Now()
	var err error
	if j.Op == "write" {
		for _, path := range j.Files {
			if err := write(j, path, records); err != nil {
				return 0, err
			}
		}
	} else {
		err = read(j)
	}
	return time.Since(start).Seconds(), err
}

func write(j job, path string, records []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := tfrecord.NewWriter(f, tfrecord.WriterOptions{Compression: j.Compression})
	if err != nil {
		return err
	}
	for i := range j.Count {
		at := i % different * j.Size
		if err := w.Write(records[at : at+j.Size]); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}

// read counts the records, one file a goroutine.
func read(j job) error {
	var all sync.WaitGroup
	errs := make([]error, len(j.Files))
	for k, path := range j.Files {
		all.Go(func() { errs[k] = count(path, j.Count) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func count(path string, want int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	n := 0
	for _, err := range tfrecord.Records(f, tfrecord.ReaderOptions{Shard: path}) {
		if err != nil {
			return err
		}
		n++
	}
	if n != want {
		return fmt.Errorf("%s: %d records, want %d", path, n, want)
	}
	return nil
}

// tensorflow is tf.py at work.
type tensorflow struct {
	version string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

func startTensorFlow(python string, threads int) (*tensorflow, error) {
	_, file, _, _ := runtime.Caller(0)
	t := &tensorflow{cmd: exec.Command(python, filepath.Join(filepath.Dir(file), "tf.py"))}
	var err error
	if t.in, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.out = bufio.NewReader(out)
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	var answer struct{ Version string }
	err = t.ask(job{Op: "start", Threads: threads}, &answer)
	t.version = answer.Version
	return t, err
}

func (t *tensorflow) ask(j job, answer any) error {
	if err := json.NewEncoder(t.in).Encode(j); err != nil {
		return err
	}
	line, err := t.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("TensorFlow: %w", err)
	}
	return json.Unmarshal(line, answer)
}

func (t *tensorflow) do(j job) (float64, error) {
	var answer struct{ Seconds float64 }
	err := t.ask(j, &answer)
	return answer.Seconds, err
}

func (t *tensorflow) stop() {
	t.in.Close()
	_ = t.cmd.Wait()
}
