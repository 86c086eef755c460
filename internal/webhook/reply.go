package webhook

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"rehome"
)

// What is kept of an answer, in bytes.
const (
	maxBody        = 64 << 10
	maxHeader      = 16 << 10
	maxHeaderValue = 4 << 10
)

// reply is a receiver's answer, bounded and in valid UTF-8.
type reply struct {
	answer rehome.Answer
	header map[string]string
	body   []byte
}

// readReply reads what is kept. A body that breaks off is what came of it: the status has said what counts.
func readReply(resp *http.Response) reply {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	answer := rehome.Answer{Code: resp.StatusCode, Text: "OK"}
	if !answer.OK() {
		answer.Text = "Invalid HTTP Response: " + strconv.Itoa(resp.StatusCode)
	}
	return reply{answer, cleanHeader(resp.Header), cleanBody(body)}
}

// cleanBody makes a body valid UTF-8 of at most maxBody bytes.
func cleanBody(body []byte) []byte {
	if len(body) == maxBody {
		body = trimCut(body)
	}
	body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	if len(body) > maxBody {
		body = trimCut(body[:maxBody])
	}
	return body
}

// trimCut takes away a character that was cut at the end.
func trimCut(b []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if utf8.RuneStart(b[len(b)-n]) {
			if !utf8.FullRune(b[len(b)-n:]) {
				return b[:len(b)-n]
			}
			break
		}
	}
	return b
}

// cleanHeader keeps names and values, in the names' order, until they come to maxHeader bytes.
func cleanHeader(h http.Header) map[string]string {
	kept, size := map[string]string{}, 0
	for _, name := range slices.Sorted(maps.Keys(h)) {
		value := rehome.Clean(strings.Join(h[name], ", "), maxHeaderValue)
		name = rehome.Clean(name, maxHeaderValue)
		if size += len(name) + len(value); size > maxHeader {
			break
		}
		kept[name] = value
	}
	return kept
}
