package keras

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// checkCode lists what in a model's JSON stands for code: Lambda functions kept
// as bytecode, functions and classes of modules that are not Keras' own. None of
// it would be run, but a file that has it is no plain network: it is refused
// even where the layer has no use for it, an initializer say. How the model was
// compiled is passed over unread.
func checkCode(config []byte) error {
	d := json.NewDecoder(bytes.NewReader(config))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	var c codeFinder
	c.visit(v, "")
	if c.found == nil {
		return nil
	}
	slices.Sort(c.found)
	c.found = slices.Compact(c.found)
	const shown = 20
	if n := len(c.found); n > shown {
		c.found = append(c.found[:shown], fmt.Sprintf("and %d more", n-shown))
	}
	return fmt.Errorf("the model asks for code, which is never imported or run:\n\t%s", strings.Join(c.found, "\n\t"))
}

type codeFinder struct{ found []string }

// visit looks into v; layer is the name of the nearest layer around it.
func (c *codeFinder) visit(v any, layer string) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			c.visit(inner, layer)
		}
	case map[string]any:
		class, _ := v["class_name"].(string)
		if config, ok := v["config"].(map[string]any); ok && class != "" {
			if name, ok := config["name"].(string); ok {
				layer = name
			}
		}
		if reason := codeIn(v, class); reason != "" {
			c.found = append(c.found, fmt.Sprintf("in %q: %s", layer, reason))
			return
		}
		for key, inner := range v {
			if key != "compile_config" && key != "build_config" {
				c.visit(inner, layer)
			}
		}
	}
}

// codeIn says which code an object stands for; "" for none.
func codeIn(v map[string]any, class string) string {
	module, _ := v["module"].(string)
	name, isName := v["config"].(string)
	_, known := activations[strings.ToLower(name)]
	switch {
	case class == "__lambda__":
		return "a Lambda's bytecode"
	case class == "function" && (!isName || !known):
		return fmt.Sprintf("the function %.60q of module %.60q", name, module)
	case class == "function" || class == "__keras_tensor__":
		return ""
	case class != "" && !(layerConfig{Module: module}).trusted():
		return fmt.Sprintf("the class %.60q of module %.60q", class, module)
	}
	return ""
}
