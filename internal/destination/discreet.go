package destination

import (
	"cmp"
	"errors"

	"rehome"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
)

// withheld stands for words of a destination from which what it was sent to sign in cannot be taken out.
const withheld = "its words repeat a password or token, and are not shown"

// shown is bare, without what signs in at l. That is looked for in the whole of the text: cut, it may have a part of it.
func shown(l remote.Location, text string) string {
	if !remote.RepeatsSecret(l, text) {
		return bare(text)
	}
	return cmp.Or(bare(remote.Redact(l, text)), withheld)
}

// discreet takes out of an error what signs in at l, for a destination may repeat it.
func discreet(l remote.Location, err error) error {
	var e *rehome.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	none := &rehome.Error{Code: e.Code, Message: "The destination refuses this: " + withheld + ".", Hint: "Ask whoever runs it."}
	if said := (*protocol.RemoteError)(nil); errors.As(err, &said) && remote.RepeatsSecret(l, said.Text) {
		return none // what is shown of it was cut, and may have a part
	}
	return remote.Discreet(l, err)
}

// discreet does the same with a refusal.
func (r *Refusal) discreet(l remote.Location) {
	if remote.RepeatsSecret(l, r.Words) {
		r.Words = cmp.Or(remote.Redact(l, r.Words), withheld)
	}
}
