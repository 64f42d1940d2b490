package clean

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// A fileName is a JSON string, or its bytes in base64 where it is not UTF-8.
type fileName string

type rawName struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON writes n so that no byte is lost.
func (n fileName) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(n)) {
		return json.Marshal(string(n))
	}
	return json.Marshal(rawName{[]byte(n)})
}

// UnmarshalJSON reads both forms.
func (n *fileName) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("{")) {
		var raw rawName
		err := json.Unmarshal(data, &raw)
		*n = fileName(raw.Base64)
		return err
	}
	return json.Unmarshal(data, (*string)(n))
}

// The types of a Report, and Move, with their names as fileNames, which hide the strings.
type (
	plainPicture Picture
	plainFault   Fault
	plainCluster Cluster
	plainPair    Pair
	plainMove    Move

	jsonPicture struct {
		Path  fileName `json:"path"`
		Class fileName `json:"class,omitempty"`
		*plainPicture
	}
	jsonFault struct {
		Path  fileName `json:"path"`
		Other fileName `json:"other,omitempty"`
		*plainFault
	}
	jsonCluster struct {
		*plainCluster
		Paths []fileName `json:"paths"`
	}
	jsonPair struct {
		A fileName `json:"a"`
		B fileName `json:"b"`
		*plainPair
	}
	jsonMove struct {
		Path fileName `json:"path"`
		*plainMove
	}
)

// MarshalJSON keeps names that are not UTF-8.
func (p Picture) MarshalJSON() ([]byte, error) {
	return json.Marshal(jsonPicture{fileName(p.Path), fileName(p.Class), (*plainPicture)(&p)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Picture) UnmarshalJSON(data []byte) error {
	j := jsonPicture{plainPicture: (*plainPicture)(p)}
	err := json.Unmarshal(data, &j)
	p.Path, p.Class = string(j.Path), string(j.Class)
	return err
}

// MarshalJSON keeps names that are not UTF-8.
func (f Fault) MarshalJSON() ([]byte, error) {
	return json.Marshal(jsonFault{fileName(f.Path), fileName(f.Other), (*plainFault)(&f)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Fault) UnmarshalJSON(data []byte) error {
	j := jsonFault{plainFault: (*plainFault)(f)}
	err := json.Unmarshal(data, &j)
	f.Path, f.Other = string(j.Path), string(j.Other)
	return err
}

// MarshalJSON keeps names that are not UTF-8.
func (c Cluster) MarshalJSON() ([]byte, error) {
	j := jsonCluster{plainCluster: (*plainCluster)(&c)}
	for _, p := range c.Paths {
		j.Paths = append(j.Paths, fileName(p))
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Cluster) UnmarshalJSON(data []byte) error {
	j := jsonCluster{plainCluster: (*plainCluster)(c)}
	err := json.Unmarshal(data, &j)
	c.Paths = nil
	for _, p := range j.Paths {
		c.Paths = append(c.Paths, string(p))
	}
	return err
}

// MarshalJSON keeps names that are not UTF-8.
func (p Pair) MarshalJSON() ([]byte, error) {
	return json.Marshal(jsonPair{fileName(p.A), fileName(p.B), (*plainPair)(&p)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Pair) UnmarshalJSON(data []byte) error {
	j := jsonPair{plainPair: (*plainPair)(p)}
	err := json.Unmarshal(data, &j)
	p.A, p.B = string(j.A), string(j.B)
	return err
}

// MarshalJSON keeps names that are not UTF-8.
func (m Move) MarshalJSON() ([]byte, error) {
	return json.Marshal(jsonMove{fileName(m.Path), (*plainMove)(&m)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Move) UnmarshalJSON(data []byte) error {
	j := jsonMove{plainMove: (*plainMove)(m)}
	err := json.Unmarshal(data, &j)
	m.Path = string(j.Path)
	return err
}
