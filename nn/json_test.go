package nn_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

var update = flag.Bool("update", false, "write the golden files of the JSON form anew; model files that people have then no longer load")

// everything uses each layer type and each field of it.
func everything() nn.Model {
	norm := nn.BatchNorm{Eps: 1e-3, Momentum: 0.9, NoScale: true, NoCenter: true}
	return nn.Model{
		Name: "everything",
		Input: nn.Input{
			Size: 32, MinSize: 16, BGR: true,
			Mean: [3]float32{103.939, 116.779, 123.68}, Std: [3]float32{1, 2, 3.5},
		},
		Body: nn.Seq{
			nn.Scale{Mul: []float32{1, 2, 3}, Add: []float32{-0.5}},
			nn.Block{Name: "stem", Body: nn.Conv{
				Name: "conv", Filters: 8, Kernel: [2]int{3, 5}, Stride: 2, Pad: nn.Explicit, Pads: [4]int{1, 0, 2, 1},
				Bias: true, Norm: norm, Act: nn.Swish,
			}},
			nn.Conv{Name: "depthwise", Kind: nn.Depthwise, Kernel: [2]int{3, 3}, Pad: nn.Valid, Act: nn.ReLU6},
			nn.Concat{
				nn.Conv{Kind: nn.Separable, Filters: 8, Kernel: [2]int{3, 3}},
				nn.Seq{nn.Pool{Kind: nn.Avg, Window: 3, Stride: 1}, nn.Act{Kind: nn.Tanh}},
			},
			nn.Add{Branches: []nn.Layer{
				nn.Seq{},
				nn.Seq{nn.Norm{Name: "norm", BatchNorm: norm}, nn.Dropout{Rate: 0.25, Path: true}},
			}, Scale: 0.17, Act: nn.ReLU},
			nn.Gate{Body: nn.Seq{nn.GlobalPool{Kind: nn.Avg}, nn.Dense{Name: "gate", Units: 16, NoBias: true, Act: nn.Sigmoid}}},
			nn.Pool{Window: 2, Stride: 2, Pad: nn.Explicit, Pads: [4]int{1, 1, 1, 1}},
			nn.GlobalPool{},
		},
		Top: nn.Seq{nn.Act{}, nn.Dropout{Rate: 0.5}, nn.Dense{Units: 3, Act: nn.Softmax}},
	}
}

func TestEveryNetworkComesBackFromJSON(t *testing.T) {
	for _, m := range append(networks(t), everything(), nn.Model{Name: "without top", Body: nn.Seq{}}) {
		b, err := json.Marshal(m)
		require.NoError(t, err)
		var got nn.Model
		require.NoError(t, json.Unmarshal(b, &got), m.Name)
		m.Aliases = nil // no part of the form
		require.Equal(t, m, got)
		again, err := json.Marshal(got)
		require.NoError(t, err)
		require.Equal(t, string(b), string(again), m.Name)
	}
}

// The golden files stand for the model files that people have: they must read
// for ever, and be written the same.
func TestTheJSONFormNeverChanges(t *testing.T) {
	for file, m := range map[string]nn.Model{
		"everything.json":      everything(),
		"efficientnet-b0.json": network(t, "efficientnet-b0"),
		"inception-v3.json":    network(t, "inception-v3"),
	} {
		path := filepath.Join("testdata", file)
		b, err := json.Marshal(m)
		require.NoError(t, err)
		if *update {
			var pretty bytes.Buffer
			require.NoError(t, json.Indent(&pretty, b, "", " "))
			require.NoError(t, os.WriteFile(path, append(pretty.Bytes(), '\n'), 0o644))
		}
		golden, err := os.ReadFile(path)
		require.NoError(t, err)
		var got nn.Model
		require.NoError(t, json.Unmarshal(golden, &got))
		m.Aliases = nil // no part of the form
		require.Equal(t, m, got, file)
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, golden))
		require.Equal(t, compact.String(), string(b), file)
	}
}

func TestOneLayerComesBackFromJSON(t *testing.T) {
	for _, l := range append(everything().Body.(nn.Seq), nil) {
		b, err := nn.MarshalLayer(l)
		require.NoError(t, err)
		got, err := nn.UnmarshalLayer(b)
		require.NoError(t, err)
		require.Equal(t, l, got)
	}
}

// Each of these is refused, and the message says why.
var hostile = map[string]string{
	`{"conv":{"Filters":1},"act":{}}`:       "one key",
	`{"conv":{"Filters":1},"conv":{}}`:      "one key",
	`{}`:                                    "one key",
	`[]`:                                    "one key",
	`7`:                                     "one key",
	`"conv"`:                                "one key",
	`{"transformer":{}}`:                    `no layer "transformer"`,
	`{"Conv":{}}`:                           `no layer "Conv"`,
	`{"conv":{"Dilation":2}}`:               `unknown field "Dilation"`,
	`{"seq":[{"block":{"Nam":"a"}}]}`:       `unknown field "Nam"`,
	`{"add":{"Branches":[],"Weight":1}}`:    `unknown field "Weight"`,
	`{"gate":{"Bodies":null}}`:              `unknown field "Bodies"`,
	`{"act":{"Kind":"gelu"}}`:               `activation "gelu" is none of linear, relu`,
	`{"act":{"Kind":1}}`:                    "cannot unmarshal",
	`{"pool":{"Kind":"min"}}`:               `pool "min" is none of`,
	`{"conv":{"Pad":"reflect"}}`:            `padding "reflect" is none of`,
	`{"conv":{"Kind":"grouped"}}`:           `convolution "grouped" is none of`,
	`{"seq":{}}`:                            "cannot unmarshal",
	`{"concat":7}`:                          "cannot unmarshal",
	`{"block":[]}`:                          "cannot unmarshal",
	`{"conv":{"Filters":1e30}}`:             "cannot unmarshal",
	`{"conv":{"Filters":1.5}}`:              "cannot unmarshal",
	`{"dropout":{"Rate":1e39}}`:             "cannot unmarshal",
	`{"conv":`:                              "unexpected",
	`{"act":{}} {"act":{}}`:                 "follows the end",
	`{"act":{}}]`:                           "end",
	``:                                      "EOF",
	strings.Repeat(`{"seq":[`, 100000):      "brackets deep",
	strings.Repeat(`{"gate":{"Body":`, 500): "brackets deep",
	strings.Repeat(`[`, 1000000):            "brackets deep",
}

func TestHostileLayersAreErrors(t *testing.T) {
	for text, want := range hostile {
		_, err := nn.UnmarshalLayer([]byte(text))
		require.ErrorContains(t, err, want, "%.60s", text)
		var m nn.Model
		err = json.Unmarshal([]byte(`{"Name":"a","Body":`+text+`}`), &m)
		require.Error(t, err, "%.60s", text)
		require.Equal(t, nn.Model{}, m, "%.60s", text)
	}
}

func TestBracketsInTextAreNotDepth(t *testing.T) {
	name := strings.Repeat(`[{"\`, 300)
	b, err := nn.MarshalLayer(nn.Block{Name: name, Body: nn.Seq{}})
	require.NoError(t, err)
	got, err := nn.UnmarshalLayer(b)
	require.NoError(t, err)
	require.Equal(t, name, got.(nn.Block).Name)
}

func TestModelsWithUnknownFieldsAreErrors(t *testing.T) {
	var m nn.Model
	for text, want := range map[string]string{
		`{"Name":"a","Boddy":{"seq":[]}}`: `unknown field "Boddy"`,
		`{"Input":{"Sice":224}}`:          `unknown field "Sice"`,
		`{"Input":{"Size":-1e99}}`:        "cannot unmarshal",
		`[]`:                              "cannot unmarshal",
	} {
		require.ErrorContains(t, json.Unmarshal([]byte(text), &m), want, text)
	}
}

// What reads but makes no sense is for Check to refuse.
func TestHostileModelsDoNotPassCheck(t *testing.T) {
	const pool = `{"globalpool":{}}`
	for body, want := range map[string]string{
		`null`:                      "no body",
		`{"seq":[null]}`:            "is nil",
		`{"seq":null}`:              "must end in 1×1",
		`{"block":{"Name":"a"}}`:    "is nil",
		`{"gate":{}}`:               "is nil",
		`{"add":{"Branches":null}}`: "no branches",
		`{"add":null}`:              "no branches",
		`{"concat":[]}`:             "no branches",
		`{"conv":null}`:             "kernel [0 0]",
		`{"pool":{"Window":-3}}`:    "window -3",
		`{"dense":{"Units":-1}}`:    "-1 units",
		`{"dropout":{"Rate":-0.1}}`: "rate is -0.1",
		`{"seq":[{"block":{"Name":"a","Body":` + pool + `}},{"block":{"Name":"a","Body":` + pool + `}}]}`: "two layers are called a",
		`{"conv":{"Filters":9223372036854775807,"Kernel":[1,1]}}`:                                         "conv1/kernel",
		`{"conv":{"Filters":1,"Kernel":[9223372036854775807,9223372036854775807]}}`:                       "must be at most",
		`{"conv":{"Filters":1,"Kernel":[1,1],"Stride":9223372036854775807}}`:                              "must be at most",
		`{"dense":{"Units":9223372036854775807}}`:                                                         "dense1/kernel",
		`{"conv":{"Filters":1,"Kernel":[1,1],"Norm":{"Eps":0,"NoScale":true}}}`:                           "eps is 0",
	} {
		var m nn.Model
		require.NoError(t, json.Unmarshal([]byte(`{"Name":"a","Input":{"Size":8},"Body":`+body+`}`), &m), body)
		require.ErrorContains(t, m.Check(), want, body)
	}
	var m nn.Model
	require.NoError(t, json.Unmarshal([]byte(`{"Input":{"Size":9223372036854775807},"Body":`+pool+`}`), &m))
	require.ErrorContains(t, m.Check(), "is not a shape")
}

func TestMarshalRefusesWhatItCannotName(t *testing.T) {
	_, err := nn.MarshalLayer(nn.Act{Kind: 99})
	require.ErrorContains(t, err, "there is no activation 99")
	_, err = nn.MarshalLayer(nn.Seq{nn.Pool{Pad: -1}})
	require.ErrorContains(t, err, "there is no padding -1")
	require.Equal(t, "activation 99", nn.Activation(99).String())
	require.Equal(t, "explicit depthwise avg swish", strings.Join([]string{
		nn.Explicit.String(), nn.Depthwise.String(), nn.Avg.String(), nn.Swish.String()}, " "))
}

// FuzzModel: whatever the bytes, no panic; and a model that passes Check can be
// taken by every interpreter and comes back from JSON.
func FuzzModel(f *testing.F) {
	for _, m := range []nn.Model{everything(), network(f, "efficientnet-lite0"), network(f, "resnet50")} {
		b, err := json.Marshal(m)
		require.NoError(f, err)
		f.Add(b)
	}
	for text := range hostile {
		if len(text) < 100 {
			f.Add([]byte(`{"Name":"a","Input":{"Size":8},"Body":` + text + `}`))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m nn.Model
		if json.Unmarshal(b, &m) != nil || m.Check() != nil {
			return
		}
		ps, err := nn.Params(m.Whole(), m.Input.Shape())
		require.NoError(t, err)
		names := map[string]bool{}
		for _, p := range ps {
			require.False(t, names[p.Name], p.Name)
			names[p.Name] = true
			require.Positive(t, p.Size())
		}
		var text bytes.Buffer
		require.NoError(t, nn.Summary(&text, m))
		once, err := json.Marshal(m)
		require.NoError(t, err)
		var again nn.Model
		require.NoError(t, json.Unmarshal(once, &again))
		twice, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
	})
}
