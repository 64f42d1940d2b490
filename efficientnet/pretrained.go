package efficientnet

import (
	"fmt"

	"github.com/argus-go/argus/internal/pretrained"
	"github.com/argus-go/argus/nn"
)

// Weights names a set of published weights. All of them are Google's, trained
// on ImageNet and converted for Keras, and fit what [New] says of a network's
// input.
type Weights string

const (
	// ImageNet are those of Keras applications, for B0–B7 and V2.
	ImageNet Weights = "imagenet"
	// AutoAugment are those of the Python package efficientnet
	// (weights="imagenet"), for B0–B7: arXiv:1805.09501.
	AutoAugment Weights = "autoaugment"
	// NoisyStudent are those of the same package, trained on 300 million more
	// pictures without labels, for B0–B7: arXiv:1911.04252.
	NoisyStudent Weights = "noisy-student"
)

// A set is what one publisher has of networks. The names of its files are first,
// the network's name, and middle, then "_notop" where they lack the top.
type set struct {
	weights       Weights
	from          string
	first, middle string
	source        string
	files         []files
}

// files are those of one network, with and without the top, by their MD5 or
// SHA-256.
type files struct{ network, whole, body string }

// The hashes are those in efficientnet.py and efficientnet_v2.py of
// keras-team/keras and in weights.py of qubvel/efficientnet.
var published = []set{
	{ImageNet, "https://storage.googleapis.com/keras-applications/", "efficientnet", "", "Google, github.com/tensorflow/tpu; Keras applications", []files{
		{"b0", "902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"},
		{"b1", "1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"},
		{"b2", "b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"},
		{"b3", "ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"},
		{"b4", "18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"},
		{"b5", "ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"},
		{"b6", "165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"},
		{"b7", "8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"},
	}},
	{ImageNet, "https://storage.googleapis.com/tensorflow/keras-applications/efficientnet_v2/", "efficientnet", "", "Google, github.com/google/automl; Keras applications", []files{
		{"v2-b0", "21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"},
		{"v2-b1", "069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"},
		{"v2-b2", "424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"},
		{"v2-b3", "1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"},
		{"v2-s", "e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"},
		{"v2-m", "a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"},
		{"v2-l", "27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"},
	}},
	{AutoAugment, "https://github.com/Callidior/keras-applications/releases/download/efficientnet/", "efficientnet-", "_weights_tf_dim_ordering_tf_kernels_autoaugment", "Google, github.com/tensorflow/tpu; converted by Björn Barz", []files{
		{"b0", "163292582f1c6eaca8e7dc7b51b01c615b0dbc0039699b4dcd0b975cc21533dc", "c1421ad80a9fc67c2cc4000f666aa50789ce39eedb4e06d531b0c593890ccff3"},
		{"b1", "d0a71ddf51ef7a0ca425bab32b7fa7f16043ee598ecee73fc674d9560c8f09b0", "75de265d03ac52fa74f2f510455ba64f9c7c5fd96dc923cd4bfefa3d680c4b68"},
		{"b2", "bb5451507a6418a574534aa76a91b106f6b605f3b5dde0b21055694319853086", "433b60584fafba1ea3de07443b74cfd32ce004a012020b07ef69e22ba8669333"},
		{"b3", "03f1fba367f070bd2545f081cfa7f3e76f5e1aa3b6f4db700f00552901e75ab9", "c5d42eb6cfae8567b418ad3845cfd63aa48b87f1bd5df8658a49375a9f3135c7"},
		{"b4", "98852de93f74d9833c8640474b2c698db45ec60690c75b3bacb1845e907bf94f", "7942c1407ff1feb34113995864970cd4d9d91ea64877e8d9c38b6c1e0767c411"},
		{"b5", "30172f1d45f9b8a41352d4219bf930ee3339025fd26ab314a817ba8918fefc7d", "9d197bc2bfe29165c10a2af8c2ebc67507f5d70456f09e584c71b822941b1952"},
		{"b6", "f5270466747753485a082092ac9939caa546eb3f09edca6d6fff842cad938720", "1d0923bb038f2f8060faaf0a0449db4b96549a881747b7c7678724ac79f427ed"},
		{"b7", "876a41319980638fa597acbbf956a82d10819531ff2dcb1a52277f10c7aefa1a", "60b56ff3a8daccc8d96edfd40b204c113e51748da657afd58034d54d3cec2bac"},
	}},
	{NoisyStudent, "https://github.com/qubvel/efficientnet/releases/download/v0.0.1/", "efficientnet-", "_noisy-student", "Google, github.com/tensorflow/tpu; converted by Pavel Yakubovskiy", []files{
		{"b0", "5e376ca93bc6ba60f5245d13d44e4323", "a5b48ae7547fc990c7e4f3951230290d"},
		{"b1", "79d29151fdaec95ac78e1ca97fc09634", "4d35baa41ca36f175506a33918f7e334"},
		{"b2", "8c643222ffb73a2bfdbdf90f2cde01af", "e496e531f41242598288ff3a4b4199f9"},
		{"b3", "3b29e32602dad75d1f575d9ded00f930", "47da5b154de1372b557a65795d3e6135"},
		{"b4", "c000bfa03bf3c93557851b4e1fe18f51", "47c10902a4949eec589ab92fe1c35ed8"},
		{"b5", "8a920cd4ee793f53c251a1ecd3a5cee6", "4d53ef3544d4114e2d8080d6d777a74c"},
		{"b6", "cc69df409516ab57e30e51016326853e", "71f96d7e15d9f891f3729b4f4e701f77"},
		{"b7", "1ac825752cbc26901c8952e030ae4dd9", "e112b00c464fe929b821edbb35d1af55"},
	}},
}

// Backbone is the network of the given name, one of [Names], with published
// weights. There are none for Lite1–Lite4, which Google has as checkpoints of
// TensorFlow only (tensorflow/tpu), and package lite0 carries those of Lite0. A
// pair that is not published is an error.
func Backbone(network string, w Weights, how ...nn.Download) (nn.Backbone, error) {
	m, err := New(network, 1000)
	if err != nil {
		return nn.Backbone{}, err
	}
	for _, s := range published {
		for _, f := range s.files {
			if s.weights == w && f.network == network {
				return pretrained.Backbone(m, s.of(f), how), nil
			}
		}
	}
	return nn.Backbone{}, fmt.Errorf("efficientnet: no weights %q are published for %q; b0–b7 and v2 have %q, b0–b7 also %q and %q", w, network, ImageNet, AutoAugment, NoisyStudent)
}

func (s set) of(f files) pretrained.Weights {
	name := s.first + f.network + s.middle
	return pretrained.Weights{
		From:    s.from,
		Whole:   pretrained.Hashed{Name: name + ".h5", Hash: f.whole},
		Body:    pretrained.Hashed{Name: name + "_notop.h5", Hash: f.body},
		Source:  s.source,
		Licence: "Apache-2.0",
	}
}
