package keras

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/hdf5"
	"github.com/argus-go/argus/nn"
)

// model reads a file of the root's testdata, which Keras wrote.
func model(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "keras", name+".gz"))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	b, err := io.ReadAll(z)
	require.NoError(t, err)
	return b
}

// parts are the entries of an archive, in order.
func parts(t testing.TB, archive []byte) (names []string, content map[string][]byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	content = map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		names, content[f.Name] = append(names, f.Name), b
	}
	return names, content
}

// pack is an archive of entries: name, content, name, content.
func pack(t testing.TB, method uint16, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: entries[i], Method: method})
		require.NoError(t, err)
		_, err = w.Write([]byte(entries[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// withConfig is the small sequential model with its config changed.
func withConfig(t testing.TB, change func(string) string) []byte {
	t.Helper()
	_, content := parts(t, model(t, "sequential-keras3.keras"))
	old := string(content[archiveConfig])
	changed := change(old)
	require.NotEqual(t, old, changed)
	require.True(t, json.Valid([]byte(changed)), changed)
	return pack(t, zip.Store, archiveConfig, changed, archiveWeights, string(content[archiveWeights]))
}

func importBytes(b []byte) error {
	_, _, err := ImportModel(bytes.NewReader(b), int64(len(b)), 0)
	return err
}

func TestTheUnchangedModelIsRead(t *testing.T) {
	for _, name := range []string{"sequential-keras3.keras", "sequential-keras2.h5", "flat-keras3.keras", "nested-tfkeras.h5"} {
		require.NoError(t, importBytes(model(t, name)), name)
	}
	require.NoError(t, importBytes(withConfig(t, func(s string) string { return s + " " })))
}

func TestAWholeModelGivenToAnotherNetworkNamesImportKeras(t *testing.T) {
	l, in := branches()
	m := nn.Model{Name: "branches", Input: nn.Input{Size: in.H}, Body: l}
	for _, name := range []string{"flat-keras2.h5", "flat-keras3.keras"} {
		b := model(t, name)
		_, err := Load(bytes.NewReader(b), int64(len(b)), m)
		require.ErrorIs(t, err, nn.ErrWeights, name)
		require.ErrorContains(t, err, "the file is a whole model, which ImportKeras reads with the head that it has")
	}
}

// dropout is the layer of the small model that samples of attacks stand in for.
func dropout(t testing.TB, config string) string {
	t.Helper()
	at := strings.Index(config, `{"module": "keras.layers", "class_name": "Dropout"`)
	require.Positive(t, at)
	d := json.NewDecoder(strings.NewReader(config[at:]))
	var raw json.RawMessage
	require.NoError(t, d.Decode(&raw))
	return string(raw)
}

// The published attacks on Keras' loaders, as config.json has them. Each would
// have Keras import, call, read or fetch something.
func TestPublishedAttacksAreRefusedAndNothingIsRun(t *testing.T) {
	dir := t.TempDir()
	marker := filepath.Join(dir, "run")
	for _, c := range []struct{ name, layer, want string }{
		{"CVE-2024-3660: bytecode in a Lambda",
			`{"module": "keras.layers", "class_name": "Lambda", "config": {"name": "lambda", "function": {"class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAAAAAAAAEAAAADAAAAQwAAAA==", "defaults": null, "closure": null}}, "arguments": {}}, "registered_name": null}`,
			`in "lambda": a Lambda's bytecode`},
		{"CVE-2024-3660: a Lambda in the form of Keras 2",
			`{"class_name": "Lambda", "config": {"name": "lambda", "function": ["4wEAAAAAAAAAAAAAAAEAAAADAAAAQwAAAA==", null, null], "function_type": "lambda", "arguments": {}}}`,
			`Lambda "lambda": holds code, which is never run`},
		{"CVE-2025-1550: any module's function",
			`{"module": "keras.layers", "class_name": "Lambda", "config": {"name": "lambda", "function": {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"}, "arguments": {"command": "touch ` + marker + `"}}}`,
			`in "lambda": the function "system" of module "os"`},
		{"CVE-2025-1550: any module's class",
			`{"module": "subprocess", "class_name": "Popen", "config": {"name": "popen", "args": ["touch", "` + marker + `"]}}`,
			`in "popen": the class "Popen" of module "subprocess"`},
		{"CVE-2025-8747: Keras' own function that fetches",
			`{"module": "keras.layers", "class_name": "Lambda", "config": {"name": "lambda", "function": {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"}, "arguments": {"origin": "http://127.0.0.1/x", "cache_dir": "` + dir + `"}}}`,
			`the function "get_file" of module "keras.utils"`},
		{"CVE-2025-9906: turning the safety off first",
			`{"module": "keras.config", "class_name": "function", "config": "enable_unsafe_deserialization", "registered_name": "enable_unsafe_deserialization", "name": "first", "inbound_nodes": []}`,
			`the function "enable_unsafe_deserialization" of module "keras.config"`},
		{"CVE-2025-12058: a vocabulary that is a file",
			`{"module": "keras.layers", "class_name": "StringLookup", "config": {"name": "lookup", "vocabulary": "/etc/passwd"}}`,
			`StringLookup "lookup": no such layer is known`},
		{"CVE-2025-12060: an archive to unpack",
			`{"module": "keras.utils", "class_name": "get_file", "config": {"name": "fetch", "origin": "file:///tmp/x.tar", "extract": true}}`,
			`get_file "fetch": no such layer is known`},
		{"CVE-2025-49655: a pickled PyTorch module",
			`{"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"name": "torch", "module": "gASVKgAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjA90b3VjaCAvdG1wL3J1bpSFlFKULg=="}}`,
			`TorchModuleWrapper "torch": no such layer is known`},
		{"a layer of the user's own",
			`{"module": null, "class_name": "Own", "registered_name": "Custom>Own", "config": {"name": "own"}}`,
			`Own "own": is a layer of the user's own ("Custom>Own"): its code is not in the file`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := importBytes(withConfig(t, func(s string) string { return strings.Replace(s, dropout(t, s), c.layer, 1) }))
			require.ErrorContains(t, err, c.want)
			require.NotErrorIs(t, err, nn.ErrWeights)
		})
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestCodeIsRefusedWhereNoLayerHasUseForIt(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{`"bias_initializer": {"module": "keras.initializers", "class_name": "Zeros", "config": {}`,
			`"bias_initializer": {"module": "os", "class_name": "system", "config": {"command": "true"}`, `the class "system" of module "os"`},
		{`"activation": "softmax"`, `"activation": {"module": "builtins", "class_name": "function", "config": "exec", "registered_name": "function"}`, `the function "exec" of module "builtins"`},
		{`"activation": "softmax"`, `"activation": {"module": "os", "class_name": "Softmax", "config": {}}`, `the class "Softmax" of module "os"`},
	} {
		err := importBytes(withConfig(t, func(s string) string { return strings.ReplaceAll(s, c.from, c.to) }))
		require.ErrorContains(t, err, "the model asks for code, which is never imported or run")
		require.ErrorContains(t, err, c.want)
	}
}

// CVE-2025-9905 is that Keras' safe mode does not look at .h5 files.
func TestALambdaInHDF5IsRefused(t *testing.T) {
	b := model(t, "sequential-tfkeras.h5")
	old := []byte(`"class_name": "Dropout"`)
	require.Contains(t, string(b), string(old))
	err := importBytes(bytes.ReplaceAll(b, old, []byte(`"class_name": "Lambda" `)))
	require.ErrorContains(t, err, "holds code, which is never run")
}

func TestArchivesThatAreNoModelSayWhy(t *testing.T) {
	_, content := parts(t, model(t, "sequential-keras3.keras"))
	config, weights := string(content[archiveConfig]), string(content[archiveWeights])
	bomb := strings.Repeat("\x00", 70<<20)
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"zip slip", `archive: the name "../../evil.py" leads out of it`, pack(t, zip.Store, archiveConfig, config, "../../evil.py", "x", archiveWeights, weights)},
		{"an absolute name", `the name "/etc/cron.d/x" leads out of it`, pack(t, zip.Store, archiveConfig, config, "/etc/cron.d/x", "x", archiveWeights, weights)},
		{"Windows' separators", `leads out of it`, pack(t, zip.Store, archiveConfig, config, `..\x`, "x", archiveWeights, weights)},
		{"a name twice", `archive: "config.json" comes twice`, pack(t, zip.Store, archiveConfig, config, archiveConfig, config, archiveWeights, weights)},
		{"no weights", "archive: there is no model.weights.h5 in it", pack(t, zip.Store, archiveConfig, config)},
		{"no config", "archive: there is no config.json in it", pack(t, zip.Store, archiveWeights, weights)},
		{"a bomb in the config", "archive: config.json: has 73400320 bytes, the limit is 16777216", pack(t, zip.Deflate, archiveConfig, bomb, archiveWeights, weights)},
		{"a bomb in the weights", "archive: model.weights.h5: has 73400320 bytes, the limit is 67108864", pack(t, zip.Deflate, archiveConfig, config, archiveWeights, bomb)},
		{"weights that are none", "archive: model.weights.h5: hdf5: superblock: no HDF5 signature", pack(t, zip.Store, archiveConfig, config, archiveWeights, "text")},
		{"a config that is none", "config: invalid character", pack(t, zip.Store, archiveConfig, "text", archiveWeights, weights)},
		{"a deep config", "brackets nest more than 200 deep", pack(t, zip.Store, archiveConfig, strings.Repeat("[", 1000)+strings.Repeat("]", 1000), archiveWeights, weights)},
	} {
		require.ErrorContains(t, importBytes(c.file), c.want, c.name)
	}
	require.NoError(t, importBytes(pack(t, zip.Deflate, archiveConfig, config, archiveWeights, weights)), "compressed weights are weights")

	whole := model(t, "sequential-keras3.keras")
	at := bytes.Index(whole, []byte("layers"))
	damaged := bytes.Clone(whole)
	damaged[at+len(whole)/2] ^= 1
	require.ErrorContains(t, importBytes(damaged), "its checksum is")
	require.ErrorContains(t, importBytes(whole[:len(whole)-30]), "no HDF5 signature", "a truncated archive")
	require.NotZero(t, crc32.ChecksumIEEE(whole))
}

func TestWeightsThatDoNotFitTheModelAreAllListed(t *testing.T) {
	err := importBytes(withConfig(t, func(s string) string {
		s = strings.ReplaceAll(s, `"filters": 4`, `"filters": 5`)
		return strings.ReplaceAll(s, `"units": 5`, `"units": 7`)
	}))
	require.ErrorIs(t, err, nn.ErrWeights)
	require.ErrorContains(t, err, "conv2d/0: shape [3 3 3 4]")
	require.ErrorContains(t, err, "kernel wants [3 3 3 5]")
	require.ErrorContains(t, err, "dense/1: shape [5]")
	require.ErrorContains(t, err, "dense_1/0: shape [5 4]")

	err = importBytes(withConfig(t, func(s string) string { return strings.Replace(s, dropout(t, s)+", ", "", 1) }))
	require.NoError(t, err, "a dropout has no weights")
}

func TestWhatOfAModelIsNotReadIsAllListed(t *testing.T) {
	err := importBytes(withConfig(t, func(s string) string {
		s = strings.ReplaceAll(s, `"class_name": "MaxPooling2D"`, `"class_name": "FractionalPool"`)
		s = strings.ReplaceAll(s, `"activation": "softmax"`, `"activation": "gelu"`)
		return strings.ReplaceAll(s, `"groups": 1`, `"groups": 2`)
	}))
	require.ErrorContains(t, err, "the model has layers that argus has not:")
	require.ErrorContains(t, err, `: groups is [2 2], only 1 is read`)
	require.ErrorContains(t, err, `: no such layer is known`)

	for _, c := range []struct{ from, to, want string }{
		{`"channels_last"`, `"channels_first"`, `data format "channels_first"`},
		{`"strides": [1, 1]`, `"strides": [1, 2]`, "strides are [1 2]"},
		{`"activation": "softmax"`, `"activation": "gelu"`, `activation "gelu" is not known`},
		{`"class_name": "Dense"`, `"class_name": "Softmax"`, "follows a Flatten of more than a pixel"},
		{`12, 12, 3`, `12, 13, 3`, "the input has shape [? 12 13 3], want a square"},
		{`12, 12, 3`, `12, 12, 1`, "want pictures of 3 channels"},
	} {
		require.ErrorContains(t, importBytes(withConfig(t, func(s string) string { return strings.ReplaceAll(s, c.from, c.to) })), c.want)
	}
	b := model(t, "flat-keras3.weights.h5")
	require.ErrorIs(t, importBytes(b), ErrNoModel)
}

func FuzzImport(f *testing.F) {
	for _, name := range []string{"sequential-keras3.keras", "sequential-keras2.h5", "sequential-tfkeras.h5", "nested-keras1.h5"} {
		f.Add(model(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, w, err := ImportModel(bytes.NewReader(b), int64(len(b)), 0)
		if err == nil {
			require.NoError(t, w.Check(m.Whole(), m.Input.Shape(), true))
		}
	})
}

// FuzzConfig changes the description of models and leaves their weights.
func FuzzConfig(f *testing.F) {
	weights := map[string][]byte{}
	for _, name := range []string{"sequential-keras3.keras", "flat-keras3.keras", "nested-tfkeras.keras"} {
		_, content := parts(f, model(f, name))
		weights[name] = content[archiveWeights]
		f.Add(string(content[archiveConfig]), name)
	}
	f.Fuzz(func(t *testing.T, config, name string) {
		w, ok := weights[name]
		if !ok {
			return
		}
		_ = importBytes(pack(t, zip.Store, archiveConfig, config, archiveWeights, string(w)))
	})
}

// The same network saved in three ways: weights by order, by class and number,
// and by the config.
func TestWeightsAloneAndWholeModelsGiveTheSame(t *testing.T) {
	for _, by := range []string{"keras3", "tfkeras"} {
		b := model(t, "flat-"+by+".keras")
		m, want, err := ImportModel(bytes.NewReader(b), int64(len(b)), 0)
		require.NoError(t, err)
		_, err = Load(bytes.NewReader(b), int64(len(b)), m)
		require.ErrorContains(t, err, "mean [0.4 0.5 0.6] and variance [0.25 0.3 0.35]; the network's input has mean [0 0 0] and std [0 0 0]")
		m.Input.Mean = [3]float32{.4 * 255, .5 * 255, .6 * 255}
		m.Input.Std = [3]float32{.5 * 255, .5477226 * 255, .591608 * 255}
		for _, kind := range []string{".weights.h5", ".h5", ".keras"} {
			b := model(t, "flat-"+by+kind)
			got, err := Load(bytes.NewReader(b), int64(len(b)), m)
			require.NoError(t, err, by+kind)
			require.Equal(t, want, got, by+kind)
		}
	}
}

func TestATruncatedFileIsRefused(t *testing.T) {
	m := nn.Model{Name: "m", Input: nn.Input{Size: 20}, Body: nn.GlobalPool{Kind: nn.Avg}}
	for _, name := range []string{"flat-keras3.weights.h5", "flat-keras2.h5", "flat-tfkeras.keras"} {
		b := model(t, name)
		for _, n := range []int{len(b) - 1, len(b) / 2, 100, 0} {
			_, err := Load(bytes.NewReader(b[:n]), int64(n), m)
			require.Error(t, err)
			require.NotErrorIs(t, err, nn.ErrWeights, "%s of %d bytes", name, n)
		}
	}
}

func TestWeightsOfAnotherNetworkAreAllListed(t *testing.T) {
	b := model(t, "sequential-keras3.keras")
	m := nn.Model{Name: "m", Input: nn.Input{Size: 12}, Body: nn.Seq{
		nn.Conv{Filters: 4, Kernel: [2]int{5, 5}, Bias: true}, nn.GlobalPool{Kind: nn.Avg}, nn.Dense{Name: "d", Units: 9}}}
	_, err := Load(bytes.NewReader(b), int64(len(b)), m)
	require.ErrorIs(t, err, nn.ErrWeights)
	require.ErrorContains(t, err, "conv2d/0: shape [3 3 3 4], conv1/kernel wants [5 5 3 4]")
	require.ErrorContains(t, err, "dense/0: shape [144 5], d/kernel wants [4 9]")
	require.ErrorContains(t, err, "dense/1: shape [5], d/bias wants [9]")
	require.ErrorContains(t, err, "dense_1: the network has no such layer")
}

// oneDense is the network of tools/golden/keras_attacks.py.
func oneDense() nn.Model {
	return nn.Model{Name: "one", Input: nn.Input{Size: 1}, Body: nn.Dense{Name: "d", Units: 4}}
}

func TestHostileWeightsFilesHaveErrorsOfTheirOwn(t *testing.T) {
	load := func(name string) (nn.Weights, error) {
		b, err := os.ReadFile(filepath.Join("testdata", name+".weights.h5"))
		require.NoError(t, err)
		return Load(bytes.NewReader(b), int64(len(b)), oneDense())
	}
	w, err := load("good")
	require.NoError(t, err)
	require.Equal(t, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, w["d/kernel"].Data)
	for name, want := range map[string]string{
		"external": "external storage: refused, its data lies in another file",
		"link":     `"0" is a link into another file: refused, its data lies in another file`,
		"virtual":  "virtual dataset: refused, its data lies in another file",
		"shape":    "dense/0: shape [50000000 50000000], d/kernel wants [3 4]",
		"expands":  "gzip: expands past the chunk's 48 bytes",
		"loop":     "models in each other, 17 deep, the limit is 16",
		"many":     "its parts are read again and again",
		"missing":  "dense: has 1 weights, d/kernel wants 2",
	} {
		start := time.Now()
		w, err := load(name)
		require.ErrorContains(t, err, want, name)
		require.Nil(t, w)
		require.Less(t, time.Since(start), 5*time.Second, name)
	}
	for _, name := range []string{"external", "link", "virtual"} {
		_, err := load(name)
		require.ErrorIs(t, err, hdf5.ErrExternal, name)
	}
}
