package browser

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

//go:embed engines.json
var engines []byte

//go:embed read.js
var readScript string

// Engine is what is known of an image search. Selectors are those of CSS.
type Engine struct {
	Name string `json:"name"`
	// Address of the first page, with {query} for the search term.
	Address string `json:"address"`
	// Consent are buttons of a page or banner that asks for consent; the first one
	// that is there is pressed. Those that refuse come first.
	Consent []string `json:"consent,omitempty"`
	// Blocked matches where the engine takes us for a robot, None where it has no
	// results; More are buttons for further results.
	Blocked string   `json:"blocked,omitempty"`
	None    string   `json:"none,omitempty"`
	More    []string `json:"more,omitempty"`
	// Rules are ways to read the results; the first one that finds any is taken.
	Rules []Rule `json:"rules"`
}

// Rule reads results from a page. Its fields say where to look:
//
//	dom:css@attribute   an element in the item (css empty: the item), no attribute: its text
//	json:a.b            in the JSON that Json points at
//	link:name           a parameter of the address of the element Link
//	script:name         a named group of Script, in the match whose group id is the item's ID
type Rule struct {
	Item   string `json:"item"`             // a selector: one element for each result
	Poke   string `json:"poke,omitempty"`   // an element in it to move and press the mouse on before
	JSON   string `json:"json,omitempty"`   // a dom: field with JSON
	Link   string `json:"link,omitempty"`   // a selector
	Script string `json:"script,omitempty"` // a regular expression over the page's scripts
	ID     string `json:"id,omitempty"`
	URL    string `json:"url"`
	Page   string `json:"page,omitempty"`
	Title  string `json:"title,omitempty"`
}

// Engines are those that come with this package: google and bing.
func Engines() ([]Engine, error) { return ReadEngines(bytes.NewReader(engines)) }

// ReadEngines reads a file in the form of engines.json.
func ReadEngines(r io.Reader) ([]Engine, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var all []Engine
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("browser: engines: %w", err)
	}
	for _, e := range all {
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("browser: engine %q: %w", e.Name, err)
		}
	}
	return all, nil
}

func (e Engine) check() error {
	u, err := url.Parse(e.address("x"))
	switch {
	case e.Name == "":
		return errors.New("no name")
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || !strings.Contains(e.Address, "{query}"):
		return fmt.Errorf("address %q, want http or https and {query}", e.Address)
	case len(e.Rules) == 0:
		return errors.New("no rules")
	}
	for i, r := range e.Rules {
		if err := r.check(); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return nil
}

// check finds the fields that point at nothing.
func (r Rule) check() error {
	if r.Item == "" || r.URL == "" {
		return fmt.Errorf("item is %q and url %q, want both", r.Item, r.URL)
	}
	if _, err := regexp.Compile(r.Script); err != nil {
		return fmt.Errorf("script: %w", err)
	}
	needs := map[string]string{"dom": "x", "json": r.JSON, "link": r.Link, "script": r.Script}
	for _, field := range []string{r.URL, r.Page, r.Title, r.ID, r.JSON} {
		kind, rest, ok := strings.Cut(field, ":")
		if field != "" && (!ok || needs[kind] == "" || kind == "dom" && !strings.Contains(rest, "@")) {
			return fmt.Errorf("field %q, want dom:css@attribute, or json:, link: or script: with what it looks in", field)
		}
	}
	if r.JSON != "" && !strings.HasPrefix(r.JSON, "dom:") {
		return fmt.Errorf("json is %q, want dom:css@attribute", r.JSON)
	}
	return nil
}

func (e Engine) address(query string) string {
	return strings.ReplaceAll(e.Address, "{query}", url.QueryEscape(query))
}

// named returns the engine of that name.
func named(all []Engine, name string) (Engine, error) {
	i := slices.IndexFunc(all, func(e Engine) bool { return e.Name == name })
	if i < 0 {
		return Engine{}, fmt.Errorf("browser: no engine %q", name)
	}
	return all[i], nil
}
