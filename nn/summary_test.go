package nn_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

func ExampleSummary() {
	net := nn.Model{
		Name:  "tiny",
		Input: nn.Input{Size: 32},
		Body: nn.Seq{
			nn.Block{Name: "stem", Body: nn.Conv{Filters: 8, Kernel: [2]int{3, 3}, Stride: 2, Bias: true, Act: nn.ReLU}},
			nn.Block{Name: "res", Body: nn.Add{Branches: []nn.Layer{
				nn.Seq{},
				nn.Conv{Filters: 8, Kernel: [2]int{3, 3}, Norm: nn.BatchNorm{Eps: 1e-3}},
			}, Act: nn.ReLU}},
			nn.GlobalPool{Kind: nn.Avg},
		},
		Top: nn.Dense{Name: "predictions", Units: 2, Act: nn.Softmax},
	}
	if err := nn.Summary(os.Stdout, net); err != nil {
		fmt.Println(err)
	}
	// Output:
	// tiny          output  parameters  MMACs
	//   stem         16×16×8         224    0.1
	//   res          16×16×8         608    0.1
	//   globalpool     1×1×8           0    0.0
	//   predictions    1×1×2          18    0.0
	//   total          1×1×2         850    0.2
}

func TestSummaryOfEveryNetworkAddsUp(t *testing.T) {
	for _, m := range networks(t) {
		var b strings.Builder
		require.NoError(t, nn.Summary(&b, m), m.Name)
		all, _ := count(t, m.Whole(), m.Input.Shape())
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		sum := 0
		for _, line := range lines[1 : len(lines)-1] {
			n, err := strconv.Atoi(strings.Fields(line)[2])
			require.NoError(t, err, line)
			sum += n
		}
		require.Equal(t, all, sum, m.Name)
		require.Equal(t, strconv.Itoa(all), strings.Fields(lines[len(lines)-1])[2], m.Name)
	}
}

func TestSummaryReportsWhatIsWrong(t *testing.T) {
	require.ErrorContains(t, nn.Summary(io.Discard, nn.Model{}), "no body")
	full := errors.New("full")
	require.ErrorIs(t, nn.Summary(failing{full}, network(t, "resnet50")), full)
}

type failing struct{ err error }

func (w failing) Write([]byte) (int, error) { return 0, w.err }
