package argus

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/internal/half"
	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/nn"
)

// writeV1 made testdata/v1.argus. That file stays as it is: newer versions get
// files of their own.
var writeV1 = flag.String("v1", "", "write the model of testdata/v1.argus to this `file`")

// tinyTrained is a classifier with all that a model file can hold.
func tinyTrained(t testing.TB) *Classifier {
	t.Helper()
	c := tinyClassifier(t)
	s, err := c.snapshot(context.Background())
	require.NoError(t, err)
	trained := *s
	trained.weights = s.weights.Clone()
	kernel := trained.weights["stem/conv1/kernel"].Data // as float16 weights are
	b := make([]byte, 2*len(kernel))
	half.Encode(b, kernel)
	half.Decode(kernel, b)
	dropout := float32(.25)
	options := FitOptions{
		Seed: 3, Hidden: []int{4}, Act: nn.ReLU, Dropout: &dropout, Epochs: 2, Batch: 8, LearningRate: 1e-3, Patience: 1,
		Preprocess: s.prep, Limits: Limits{Pixels: 1e6}, CacheDir: "somebody's cache", CacheBytes: 5,
	}
	trained.info = Info{
		Origin: nn.Origin{Source: "drawn", Licence: "CC0-1.0"},
		Fit:    &options,
		History: &History{
			Options: options, Counts: map[Split][]int{TrainSplit: {3, 2, 4}, ValSplit: {1, 1, 1}},
			Bad:    []BadPicture{{"train/grass/7.jpg", "not a picture: <text> & \u2028 \x01"}},
			Epochs: []Epoch{{Stage: TrainStage, Epoch: 1, TrainLoss: 1.5, ValLoss: 1.25, ValAccuracy: .5, LearningRate: 1e-3}},
			Best:   1, ValAccuracy: wilson(2, 3), Seconds: FitSeconds{Train: .5, Total: 1},
		},
	}
	trained.runner, err = newRunner(trained.model, freezerOf(trained.weights), trained.prep.Size, nil)
	require.NoError(t, err)
	c.now.Store(&trained)
	return c
}

// fileOf is c's model file.
func fileOf(t testing.TB, c *Classifier) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := c.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.Bytes()
}

func answers(t testing.TB, c *Classifier) [][]Prediction {
	t.Helper()
	var all [][]Prediction
	for _, img := range scenes(5) {
		got, err := c.Predict(context.Background(), img)
		require.NoError(t, err)
		all = append(all, got)
	}
	return all
}

// streamFS hides that its files can be read at any place.
type streamFS struct{ fs.FS }

type stream struct{ fs.File }

func (s streamFS) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	return stream{f}, err
}

func TestALoadedClassifierIsTheSavedOneBitForBit(t *testing.T) {
	c := tinyTrained(t)
	want, data := answers(t, c), fileOf(t, c)
	path := filepath.Join(t.TempDir(), "tiny.argus")
	require.NoError(t, c.Save(path))
	saved, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, data, saved)

	files := fstest.MapFS{"models/tiny.argus": {Data: data}}
	for name, load := range map[string]func() (*Classifier, error){
		"path":   func() (*Classifier, error) { return LoadClassifier(path) },
		"fs":     func() (*Classifier, error) { return LoadClassifierFS(files, "models/tiny.argus") },
		"stream": func() (*Classifier, error) { return LoadClassifierFS(streamFS{files}, "models/tiny.argus") },
		"reader": func() (*Classifier, error) { return ReadClassifier(iotest.OneByteReader(bytes.NewReader(data))) },
	} {
		loaded, err := load()
		require.NoError(t, err, name)
		require.Equal(t, want, answers(t, loaded), name)
		require.Equal(t, tinyClasses, loaded.Classes())
		info := c.Info()
		withoutCache := func(o FitOptions) FitOptions { o.CacheDir, o.CacheBytes = "", 0; return o }
		fit, history := withoutCache(*info.Fit), *info.History
		history.Options = withoutCache(history.Options)
		require.Equal(t, Info{Origin: info.Origin, Fit: &fit, History: &history}, loaded.Info(), name)
		require.Equal(t, data, fileOf(t, loaded), "%s: saved again it is the same file", name)
	}
	require.NotContains(t, string(data), "somebody", "no path of this machine")
}

func TestFloat16WeightsStayFloat16(t *testing.T) {
	f, err := safetensors.Parse(fileOf(t, tinyTrained(t)))
	require.NoError(t, err)
	for name, want := range map[string]safetensors.DType{
		"stem/conv1/kernel": safetensors.F16, "logits/kernel": safetensors.F32,
	} {
		info, err := f.Info(name)
		require.NoError(t, err)
		require.Equal(t, want, info.DType, name)
	}
}

func TestAModelFileCutAnywhereIsAnErrorThatNamesIt(t *testing.T) {
	data := fileOf(t, tinyTrained(t))
	path := filepath.Join(t.TempDir(), "cut.argus")
	for at := 0; at < len(data); at += 1 + at/100 {
		_, err := ReadClassifier(bytes.NewReader(data[:at]))
		require.ErrorContains(t, err, "argus: model: ", "cut at %d", at)
		if at%10 == 0 {
			require.NoError(t, os.WriteFile(path, data[:at], 0o600))
			_, err = LoadClassifier(path)
			require.ErrorContains(t, err, "argus: model "+path+": ", "cut at %d", at)
		}
	}
	_, err := ReadClassifier(bytes.NewReader(append(data, 0)))
	require.Error(t, err, "a byte too many")
}

func TestAnyChangedByteOfAModelFileIsAnError(t *testing.T) {
	data := fileOf(t, tinyTrained(t))
	header := 8 + int(binary.LittleEndian.Uint64(data))
	try := func(at int, to byte) {
		t.Helper()
		was := data[at]
		data[at] = to
		_, err := ReadClassifier(bytes.NewReader(data))
		data[at] = was
		if to != was {
			require.ErrorContains(t, err, "argus: model: ", "byte %d, %q, made %q", at, was, to)
		}
	}
	for at := range data {
		switch {
		case at >= header && at%13 != 0: // all data alike are under the digest
		case at < 8 || at >= header:
			try(at, data[at]^1<<(at%8))
		default:
			try(at, data[at]^1<<(at%8))
			try(at, data[at]^0x20)
		}
	}
	for at := header - 8; at < header; at++ {
		for _, blank := range "\t\r\n " {
			try(at, byte(blank))
		}
	}
	_, err := ReadClassifier(bytes.NewReader(data))
	require.NoError(t, err)
}

// forged is a model file of which change has altered the content before it was
// sealed.
func forged(t testing.TB, change func(metadata map[string]string, weights nn.Weights)) []byte {
	t.Helper()
	f, err := safetensors.Parse(fileOf(t, tinyTrained(t)))
	require.NoError(t, err)
	metadata, weights := f.Metadata(), nn.Weights{}
	for _, name := range f.Names() {
		values, shape, err := f.Float32(name)
		require.NoError(t, err)
		weights[name] = nn.Tensor{Shape: shape, Data: values}
	}
	delete(metadata, safetensors.DigestKey)
	change(metadata, weights)
	var tensors []safetensors.Tensor
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		tensors = append(tensors, safetensors.Tensor{Name: name, Shape: weights[name].Shape, Data: weights[name].Data})
	}
	if _, ok := metadata[safetensors.DigestKey]; !ok {
		metadata[safetensors.DigestKey], err = safetensors.Digest(tensors, metadata)
		require.NoError(t, err)
	}
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, tensors, metadata))
	return b.Bytes()
}

func TestForgedModelFilesAreRefusedWithTheReason(t *testing.T) {
	set := func(key, value string) func(map[string]string, nn.Weights) {
		return func(m map[string]string, _ nn.Weights) { m[key] = value }
	}
	network := func(change func(*nn.Model)) func(map[string]string, nn.Weights) {
		return func(m map[string]string, _ nn.Weights) {
			model := tinyModel()
			change(&model)
			text, err := json.Marshal(model)
			require.NoError(t, err)
			m[networkKey] = string(text)
		}
	}
	prep := func(change func(*Preprocess)) func(map[string]string, nn.Weights) {
		return func(m map[string]string, _ nn.Weights) {
			var p Preprocess
			require.NoError(t, json.Unmarshal([]byte(m[preprocessKey]), &p))
			change(&p)
			text, err := json.Marshal(p)
			require.NoError(t, err)
			m[preprocessKey] = string(text)
		}
	}
	weights := func(change func(nn.Weights)) func(map[string]string, nn.Weights) {
		return func(_ map[string]string, w nn.Weights) { change(w) }
	}
	for want, change := range map[string]func(map[string]string, nn.Weights){
		`is no model of argus: metadata "format" is "onnx", want "argus"`: set(formatKey, "onnx"),
		`has format version 2, this argus reads up to 1: use a newer one`: set(versionKey, "2"),
		`metadata "version" is "one", want a number from 1`:               set(versionKey, "one"),
		`metadata "version" is "", want a number from 1`:                  func(m map[string]string, _ nn.Weights) { delete(m, versionKey) },
		`content differs from its SHA-256`:                                set(safetensors.DigestKey, "00"),

		"network: unexpected end of JSON input":            func(m map[string]string, _ nn.Weights) { delete(m, networkKey) },
		`nn: there is no layer "lambda"`:                   set(networkKey, `{"Name":"x","Input":{"Size":8,"Mean":[0,0,0],"Std":[0,0,0]},"Body":{"lambda":{}},"Top":null}`),
		"network: the network has no top":                  network(func(m *nn.Model) { m.Top = nil }),
		"the top does not end in softmax":                  network(func(m *nn.Model) { m.Top = m.Top.(nn.Seq)[:2] }),
		"must end in 1×1×features":                         network(func(m *nn.Model) { m.Body = m.Body.(nn.Seq)[:2] }),
		"is not a shape that":                              network(func(m *nn.Model) { m.Top = nn.Seq{nn.Dense{Name: "logits", Units: 1 << 40, Act: nn.Softmax}} }),
		"layers nest more than 200 brackets deep":          set(networkKey, strings.Repeat("[", 1000)+strings.Repeat("]", 1000)),
		"tells 3 classes apart, the file names 2":          set(labelsKey, `["brick","grass"]`),
		"tells 3 classes apart, the file names 0":          set(labelsKey, `null`),
		`class "grass" is empty, named twice or not UTF-8`: set(labelsKey, `["brick","grass","grass"]`),
		`class "" is empty, named twice or not UTF-8`:      set(labelsKey, `["brick","","grass"]`),
		"labels: json: cannot unmarshal":                   set(labelsKey, `{"brick":1}`),
		"preprocess: size is 0, want 1 to":                 prep(func(p *Preprocess) { p.Size = 0 }),
		"pictures of 7 pixels, the network wants":          prep(func(p *Preprocess) { p.Size = 7 }),
		"channel 1 has mean 127 and std 0":                 prep(func(p *Preprocess) { p.Std[1] = 0 }),
		"preprocess: argus: framing is":                    set(preprocessKey, `{"size":24,"fit":"twist"}`),
		"info: json: cannot unmarshal":                     set(infoKey, `[]`),
		"info: limits are 0 bytes and -1 pixels":           set(infoKey, `{"fit":{"limits":{"pixels":-1}}}`),
		"logits/kernel: missing":                           weights(func(w nn.Weights) { delete(w, "logits/kernel") }),
		"more: the network has no such tensor":             weights(func(w nn.Weights) { w["more"] = w["logits/bias"] }),
		"the network wants [3], the weights have":          weights(func(w nn.Weights) { w["logits/bias"] = nn.Tensor{Shape: []int{3, 1}, Data: w["logits/bias"].Data} }),
		"logits/bias: value 1 is NaN":                      weights(func(w nn.Weights) { w["logits/bias"].Data[1] = float32(math.NaN()) }),
		"stem/conv1/norm/gamma: value 0 is +Inf":           weights(func(w nn.Weights) { w["stem/conv1/norm/gamma"].Data[0] = float32(math.Inf(1)) }),
		"stem/conv1/norm/moving_variance: variance":        weights(func(w nn.Weights) { w["stem/conv1/norm/moving_variance"].Data[0] = -1 }),
	} {
		_, err := ReadClassifier(bytes.NewReader(forged(t, change)))
		require.Regexp(t, "^argus: model: ", err)
		if want != "preprocess: argus: framing is" { // as Framing says by itself
			require.NotContains(t, err.Error(), ": argus: ")
		}
		require.ErrorContains(t, err, want)
	}
	_, err := ReadClassifier(bytes.NewReader(forged(t, func(map[string]string, nn.Weights) {})))
	require.NoError(t, err, "nothing changed")
	_, err = ReadClassifier(bytes.NewReader(forged(t, weights(func(w nn.Weights) { delete(w, "logits/kernel") }))))
	require.ErrorIs(t, err, nn.ErrWeights)
}

func TestWhatIsNoModelFileIsAnErrorThatNamesIt(t *testing.T) {
	dir := t.TempDir()
	_, err := LoadClassifier(filepath.Join(dir, "absent.argus"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, 1, strings.Count(err.Error(), "absent.argus"), "%v", err)
	_, err = LoadClassifier(dir)
	require.ErrorContains(t, err, "argus: model "+dir+": is not a regular file")
	_, err = LoadClassifierFS(os.DirFS(dir), "absent.argus")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, 1, strings.Count(err.Error(), "absent.argus"), "%v", err)
	_, err = ReadClassifier(strings.NewReader("\xff\xff\xff\xff\xff\xff\xff\x7f{}"))
	require.ErrorContains(t, err, "the header's length is given as 9223372036854775807 bytes")
	_, err = ReadClassifier(iotest.ErrReader(io.ErrClosedPipe))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	_, err = ReadClassifier(bytes.NewReader(pngOf(t, scene(8, 8, 1))))
	require.ErrorContains(t, err, "argus: model: safetensors: ")
}

// fullWriter takes n bytes and then no more.
type fullWriter struct{ n int }

var errFull = errors.New("no space left")

func (w *fullWriter) Write(b []byte) (int, error) {
	if len(b) > w.n {
		n := w.n
		w.n = 0
		return n, errFull
	}
	w.n -= len(b)
	return len(b), nil
}

func TestAWriterThatIsFullIsAnError(t *testing.T) {
	c := tinyTrained(t)
	for n := 0; n < len(fileOf(t, c)); n += 997 {
		written, err := c.WriteTo(&fullWriter{n})
		require.ErrorIs(t, err, errFull)
		require.EqualValues(t, n, written)
	}
}

func TestClassifiersThatCouldNotBeLoadedAreNotSaved(t *testing.T) {
	c := tinyTrained(t)
	path := filepath.Join(t.TempDir(), "tiny.argus")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	s := *c.now.Load()
	s.weights = s.weights.Clone()
	s.weights["logits/bias"].Data[0] = float32(math.NaN())
	c.now.Store(&s)
	require.ErrorContains(t, c.Save(path), "argus: save "+path+": nn: weights do not fit the network:\n\tlogits/bias: value 0 is NaN")
	latin := tinyTrained(t)
	latin.classes = []string{"brick", "gr\xe4s", "gravel"}
	require.ErrorContains(t, latin.Save(path), "is not valid UTF-8")
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(old))
}

// TestAVersion1FileLoadsForEver must not be changed, nor the file.
func TestALoadedClassifierReadsItsWeightsFromTheFileItWasGiven(t *testing.T) {
	c := tinyTrained(t)
	file := fileOf(t, c)
	path := filepath.Join(t.TempDir(), "tiny.argus")
	load := func() *Classifier {
		require.NoError(t, os.WriteFile(path, file, 0o600))
		c, err := LoadClassifier(path)
		require.NoError(t, err)
		require.Nil(t, c.now.Load().weights, "they lie in memory")
		return c
	}
	removed := load()
	require.NoError(t, os.Remove(path))
	require.Equal(t, file, fileOf(t, removed))

	replaced := load()
	require.NoError(t, replaced.Save(path))
	require.Equal(t, file, fileOf(t, replaced))
	_, err := replaced.WithClasses(context.Background(), []string{"a", "b"})
	require.NoError(t, err)

	over := load()
	before := answers(t, over)
	for _, damage := range []func() error{
		func() error {
			return os.WriteFile(path, slices.Concat(file[:len(file)-1], []byte{file[len(file)-1] ^ 1}), 0o600)
		},
		func() error { return os.Truncate(path, int64(len(file)/2)) },
		func() error { return os.WriteFile(path, nil, 0o600) },
	} {
		require.NoError(t, damage())
		require.Equal(t, before, answers(t, over))
		_, err := over.WriteTo(io.Discard)
		require.ErrorContains(t, err, "argus: save: the model file has changed since it was loaded: ")
	}
}

func TestAVersion1FileLoadsForEver(t *testing.T) {
	if *writeV1 != "" {
		require.NoError(t, tinyTrained(t).Save(*writeV1))
	}
	c, err := LoadClassifier("testdata/v1.argus")
	require.NoError(t, err)
	require.Equal(t, []string{"brick", "grass", "gravel"}, c.Classes())
	info := c.Info()
	require.Equal(t, nn.Origin{Source: "drawn", Licence: "CC0-1.0"}, info.Origin)
	require.Equal(t, Interval{2. / 3, .20765960080204765, .9385080552796037, 3}, info.History.ValAccuracy)
	require.Equal(t, .25, float64(*info.Fit.Dropout))
	for i, want := range v1Answers {
		got, err := c.Predict(context.Background(), scene(20+i, 50-i, i))
		require.NoError(t, err)
		for _, p := range got {
			require.InDelta(t, want[p.Label], p.Probability, 1e-4, "picture %d, %s", i, p.Label)
		}
	}
}

var v1Answers = []map[string]float64{
	{"brick": .972759, "grass": .010597, "gravel": .016644},
	{"brick": .668211, "grass": .039439, "gravel": .292350},
	{"brick": .449610, "grass": .134160, "gravel": .416230},
	{"brick": .120241, "grass": .330486, "gravel": .549274},
	{"brick": .100459, "grass": .469839, "gravel": .429702},
}

func TestAFittedClassifierIsLoadedFittedAgainAndSavedAgain(t *testing.T) {
	dir := t.TempDir()
	for i, class := range tinyClasses {
		for k := range 8 {
			file := filepath.Join(dir, "photos", class, fmt.Sprintf("%d.png", k))
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
			require.NoError(t, os.WriteFile(file, pngOf(t, scene(20+i, 20+k, 10*i+k%2)), 0o600))
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "photos", "grass", "text.jpg"), []byte("text"), 0o600))
	photos, err := OpenDataset(filepath.Join(dir, "photos"))
	require.NoError(t, err)
	ctx := context.Background()
	photos, err = photos.Split(ctx, SplitOptions{})
	require.NoError(t, err)
	c, err := New(nn.Backbone{Model: tinyModel(), Weights: nn.Fixed(tinyWeights(t, 0)), Classes: []string{"x", "y", "z"}}, photos.Classes())
	require.NoError(t, err)
	_, err = c.Fit(ctx, photos, FitOptions{Epochs: 2, CacheDir: filepath.Join(dir, "cache")})
	require.NoError(t, err)
	data := fileOf(t, c)
	require.NotContains(t, string(data), dir, "no path of this machine")

	loaded, err := ReadClassifier(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, answers(t, c), answers(t, loaded))
	_, err = loaded.Fit(ctx, photos, FitOptions{Epochs: 3, Seed: 1, Hidden: []int{5}})
	require.NoError(t, err)
	require.NotEqual(t, answers(t, c), answers(t, loaded))
	v, err := c.Embed(ctx, image.NewGray(image.Rect(0, 0, 9, 9)))
	require.NoError(t, err)
	again, err := loaded.Embed(ctx, image.NewGray(image.Rect(0, 0, 9, 9)))
	require.NoError(t, err)
	require.Equal(t, v, again, "the body is the same")
	third, err := ReadClassifier(bytes.NewReader(fileOf(t, loaded)))
	require.NoError(t, err)
	require.Equal(t, answers(t, loaded), answers(t, third))
	require.Equal(t, []int{5}, third.Info().Fit.Hidden)
}

func FuzzReadClassifier(f *testing.F) {
	data := fileOf(f, tinyTrained(f))
	f.Add(data)
	f.Add(data[:len(data)/2])
	for _, change := range []func(map[string]string, nn.Weights){
		func(m map[string]string, _ nn.Weights) { m[labelsKey] = `["a","b"]` },
		func(m map[string]string, _ nn.Weights) { delete(m, networkKey) },
		func(_ map[string]string, w nn.Weights) { delete(w, "logits/bias") },
	} {
		f.Add(forged(f, change))
	}
	img := scene(8, 8, 1)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, sealed(data)} {
			c, err := ReadClassifier(bytes.NewReader(data))
			if err != nil {
				require.ErrorContains(t, err, "argus: model: ")
				continue
			}
			saved := fileOf(t, c)
			again, err := ReadClassifier(bytes.NewReader(saved))
			require.NoError(t, err, "what loads can be saved and loaded again")
			require.Equal(t, saved, fileOf(t, again))
			if c.now.Load().prep.Size > 64 {
				continue
			}
			_, err = c.Predict(context.Background(), img)
			require.NoError(t, err)
		}
	})
}

// sealed gives data the digest of its content, where it is a safetensors file,
// so that fuzzing gets past the digest.
func sealed(data []byte) []byte {
	f, err := safetensors.Parse(data)
	if err != nil {
		return data
	}
	metadata := f.Metadata()
	if metadata == nil {
		return data
	}
	var tensors []safetensors.Tensor
	for _, name := range f.Names() {
		values, shape, err := f.Float32(name)
		if err != nil {
			return data
		}
		tensors = append(tensors, safetensors.Tensor{Name: name, Shape: shape, Data: values})
	}
	if metadata[safetensors.DigestKey], err = safetensors.Digest(tensors, metadata); err != nil {
		return data
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, tensors, metadata); err != nil {
		return data
	}
	return b.Bytes()
}

func TestALoadedClassifierHoldsItsWeightsOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it keeps the file's bytes there")
	}
	path := filepath.Join(t.TempDir(), "b0.argus")
	b0, err := efficientnet.New("b0", 10)
	require.NoError(t, err)
	require.NoError(t, drawn(t, b0, 10).Save(path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	live := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := live()
	c, err := LoadClassifier(path)
	require.NoError(t, err)
	held := live() - before
	require.Less(t, held, info.Size()*5/4)
	require.Greater(t, held, info.Size()/2)
	runtime.KeepAlive(c)
}
