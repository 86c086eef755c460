package destination

import (
	"errors"

	"rehome"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
)

// withheld stands for words of a destination that repeat what it was sent to sign in.
const withheld = "its words repeat a password or token, and are not shown"

// shown is bare, unless the whole of the text repeats what signs in at l: cut, it may have a part of that.
func shown(l remote.Location, text string) string {
	if remote.RepeatsSecret(l, text) {
		return withheld
	}
	return bare(text)
}

// discreet takes out of an error what signs in at l, for a destination may repeat it.
func discreet(l remote.Location, err error) error {
	var e *rehome.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	text := e.Message + "\n" + e.Hint
	if said := (*protocol.RemoteError)(nil); errors.As(err, &said) {
		text += "\n" + said.Text // what is shown of it was cut
	}
	if !remote.RepeatsSecret(l, text) {
		return err
	}
	return &rehome.Error{Code: e.Code, Message: "The destination refuses this: " + withheld + ".", Hint: "Ask whoever runs it."}
}

// discreet does the same with a refusal.
func (r *Refusal) discreet(l remote.Location) {
	if remote.RepeatsSecret(l, r.Words) {
		r.Words = withheld
	}
}
