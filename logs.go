package argus

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/argus-go/argus/internal/tensorboard"
)

// Logs says where Fit writes how every epoch went, while it trains.
type Logs struct {
	TensorBoard string // folder for an event file, made where it is not there
	CSV         string // file, with a line per epoch; replaced
}

// logs are open files; the methods of a nil one do nothing.
type logs struct {
	history *History
	classes []string
	board   *tensorboard.Writer
	file    *os.File
	csv     *csv.Writer
}

func (o Logs) open(h *History, classes []string) (_ *logs, err error) {
	l := &logs{history: h, classes: classes}
	if o.TensorBoard != "" {
		if l.board, err = tensorboard.Create(o.TensorBoard); err != nil {
			return nil, fmt.Errorf("logs: %w", err)
		}
	}
	if o.CSV != "" {
		if l.file, err = os.Create(o.CSV); err != nil {
			l.close()
			return nil, fmt.Errorf("logs: %w", err)
		}
		l.csv = csv.NewWriter(l.file)
		l.line(append([]string{"stage", "epoch", "train_loss", "val_loss", "val_accuracy", "val_top_k", "learning_rate"}, classes...))
	}
	return l, nil
}

// epoch writes an epoch, number n from 1 of all. What cannot be written does not
// end training: History.LogError tells.
func (l *logs) epoch(n int, e Epoch) {
	if l == nil {
		return
	}
	if l.board != nil {
		scalars := []tensorboard.Scalar{
			{Tag: "train/loss", Value: e.TrainLoss}, {Tag: "val/loss", Value: e.ValLoss},
			{Tag: "val/accuracy", Value: e.ValAccuracy}, {Tag: "val/top_k", Value: e.ValTopK},
			{Tag: "learning_rate", Value: float64(e.LearningRate)},
		}
		for c, r := range e.ValRecall {
			scalars = append(scalars, tensorboard.Scalar{Tag: "recall/" + l.classes[c], Value: r})
		}
		l.note(l.board.Write(n, scalars))
	}
	l.row(e)
}

// row writes an epoch's line.
func (l *logs) row(e Epoch) {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 32) }
	line := []string{string(e.Stage), strconv.Itoa(e.Epoch)}
	for _, v := range append([]float64{e.TrainLoss, e.ValLoss, e.ValAccuracy, e.ValTopK, float64(e.LearningRate)}, e.ValRecall...) {
		line = append(line, number(v))
	}
	l.line(line)
}

// resumed writes the lines of epochs before a checkpoint anew: the file was
// replaced. TensorBoard has them in the event file of that time.
func (l *logs) resumed(epochs []Epoch) {
	if l == nil {
		return
	}
	for _, e := range epochs {
		l.row(e)
	}
}

func (l *logs) line(fields []string) {
	if l.csv == nil {
		return
	}
	err := l.csv.Write(fields)
	l.csv.Flush()
	l.note(errors.Join(err, l.csv.Error()))
}

// note keeps the first error.
func (l *logs) note(err error) {
	if err != nil && l.history.LogError == "" {
		l.history.LogError = withoutPath(err).Error()
	}
}

func (l *logs) close() {
	if l == nil {
		return
	}
	if l.board != nil {
		l.note(l.board.Close())
	}
	if l.file != nil {
		l.note(l.file.Close())
	}
}
