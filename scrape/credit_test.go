package scrape

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCreditsHoldWhatStrangersWroteAsText(t *testing.T) {
	for text, want := range map[string]string{
		"a\n# head\n- line":         "a # head - line",
		"[x](https://evil.example)": `\[x\](https://evil.example)`,
		`\[x\](y)`:                  `\\\[x\\\](y)`,
		"<img src=x>*`":             `&lt;img src=x>\*'`,
		"red_fox_1.jpg":             "red_fox_1.jpg",
	} {
		require.Equal(t, want, oneLine(text), text)
	}
	require.Equal(t, "<https://example.org/a%20b%3E?q=%3C>", link("https://example.org/a b>?q=<"))
	require.Equal(t, "javascript:alert(1)", link("javascript:alert(1)"), "no link")
	require.Equal(t, "file:photos~0123/a b.jpg", link("file:photos~0123/a b.jpg"))
}
