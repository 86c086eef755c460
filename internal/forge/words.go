package forge

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/remote"
)

const (
	maxDepth = 4  // of lists and objects in an error whose texts are read
	maxTexts = 20 // of an error
)

// words are a forge's own for what is wrong, "" when there are none. GitHub and Gitea say {"message": text, "errors": [text or
// {"message": text}]}, GitLab {"message": text or {field: [text]}} or {"error": text, "error_description": text}.
func words(body []byte) string {
	var said struct {
		Message     any `json:"message"`
		Error       any `json:"error"`
		Description any `json:"error_description"`
		Errors      any `json:"errors"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	var texts []string
	for _, part := range []any{said.Message, said.Error, said.Description, said.Errors} {
		texts = gather(texts, "", part, maxDepth)
	}
	return strings.Join(texts, ": ")
}

// gather adds the texts in part, each once; field says what they are about.
func gather(texts []string, field string, part any, depth int) []string {
	if depth == 0 || len(texts) >= maxTexts {
		return texts
	}
	switch part := part.(type) {
	case string:
		if text := strings.TrimSpace(field + " " + part); text != "" && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	case []any:
		for _, one := range part {
			texts = gather(texts, field, one, depth-1)
		}
	case map[string]any:
		if text, ok := part["message"]; ok { // GitHub's other members say where, not what
			return gather(texts, "", text, depth-1)
		}
		for _, key := range slices.Sorted(maps.Keys(part)) {
			texts = gather(texts, key, part[key], depth-1)
		}
	}
	return texts
}

// said is the forge's answer in half a sentence, fit to show.
func (s Site) said(a answer) string {
	text := words(a.body)
	if remote.RepeatsSecret(remote.Location{URL: s.API, Username: s.username, Password: s.token}, text) {
		return fmt.Sprintf("it answers with status %d, and words that repeat a password or token and are not shown", a.status)
	}
	if text = rehome.Clean(text, maxWords); text == "" {
		return fmt.Sprintf("it answers with status %d", a.status)
	}
	return fmt.Sprintf("it answers with status %d: %q", a.status, text)
}

// refused says that the forge did not do it. what begins with a verb, as in "does not make the repository".
func (s Site) refused(what string, a answer, hint string) error {
	code := rehome.DestinationRefused
	lower := strings.ToLower(words(a.body))
	switch {
	case a.status == http.StatusUnauthorized:
		hint = "The token is wrong, revoked or out of date. " + s.tokenHint()
	case strings.Contains(lower, "saml"), strings.Contains(lower, "single sign-on"):
		hint = "Authorise the token for the organisation's single sign-on, at the forge among your tokens."
	case strings.Contains(lower, "rate limit"), a.status == http.StatusTooManyRequests:
		hint = "The forge wants fewer requests: try again later."
	case a.status >= 500:
		code, hint = rehome.DestinationCutOff, "Try again later."
	}
	return &rehome.Error{Code: code, Message: fmt.Sprintf("%s %s: %s.", s.sentence(), what, s.said(a)), Hint: hint}
}

// sentence is the forge at the beginning of one.
func (s Site) sentence() string { return strings.ToUpper(s.Kind.name()[:1]) + s.Kind.name()[1:] }

// tokenHint says which token can make repositories and set their default branch.
func (s Site) tokenHint() string {
	switch s.Kind {
	case GitHub:
		return "Give a token that may make repositories: a classic one with the scope repo, or a fine-grained one for all repositories of that owner with the permission Administration (read and write)."
	case Rehome:
		return "Give a token with the scope repo that acts for that owner, as rehome token create makes it."
	case GitLab:
		return "Give a token with the scope api, of somebody who may make projects there."
	}
	return "Give a token with the scopes write:repository and, for an organisation, write:organization, for repositories of your own write:user."
}
