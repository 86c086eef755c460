package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const signInAt = "/-/sign-in"

// count counts a visit against what may be asked for within an hour. There are three windows, each as long as the API's: a token has
// one for what a person asks for, and one for what open pages fetch by themselves, so that neither those nor scripts with the same token
// keep anybody from working; who has not signed in shares one with all of the address. Which of a token's two it is the browser says: who lies
// has both, and no more. Files that pages name are not counted, for they come from memory, nor is signing in: guesses are counted by the
// guard, and nobody's neighbour can keep good tokens out.
func (w *Web) count(v *visit) error {
	if v.r.URL.Path == signInAt {
		return nil
	}
	key, whose := "pages of address "+v.client, "Your address"
	if !v.caller.Anonymous() {
		key, whose = "pages of token ", "Your token"
		if v.byItself() {
			key = "live pages of token "
		}
		key += strconv.FormatInt(v.caller.Token.ID, 10)
	}
	now := w.Clock()
	rate := w.Limits.Take(key, 1)
	if !rate.Exceeded() {
		return nil
	}
	return &problem{
		status: http.StatusTooManyRequests, title: "Too many requests", wait: rate.Wait(now),
		text: fmt.Sprintf("%s has asked for %s pages within an hour, which is as many as there are.", whose, grouped(int64(rate.Limit))),
		hint: "Come again at " + stamp(rate.Reset) + ", in " + age(rate.Reset.Sub(now)) + ".",
	}
}

// byItself reports whether a page that is open asked, and nobody did anything: a piece of it that fetches itself anew, or its stream.
func (v *visit) byItself() bool {
	if v.r.Method != http.MethodGet {
		return false
	}
	piece := v.r.Header.Get("HX-Trigger")
	return piece != "" && piece == v.r.Header.Get("HX-Target") || strings.HasSuffix(v.r.Pattern, "/live")
}
