package transfer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"rehome"
)

// silentError says that a host gave no answer at all.
type silentError struct {
	host string
	why  *rehome.Error
}

func (e *silentError) Error() string { return e.why.Error() }
func (e *silentError) Unwrap() error { return e.why }

// unreached judges the error of a request that got no answer. It was to a link, or for a batch.
func (p *peer) unreached(to *url.URL, link bool, err error) error {
	e := rehome.AsError(err)
	var dns *net.DNSError
	switch {
	case e.Code == rehome.BlockedByPolicy:
		return &lackError{p.forbidden(to, link, e)}
	case e.Code != rehome.Unreachable:
		return err
	}
	text := "The %s cannot be reached: %s"
	if to.Host != p.Endpoint.Host {
		text = "The %s leads to what cannot be reached: %s"
	}
	said := strings.Replace(e.Message, "Cannot connect", "cannot connect", 1)
	e = &rehome.Error{Code: p.side.unreachable, Message: fmt.Sprintf(text, p.name(), said), Hint: e.Hint, Err: err}
	if errors.As(err, &dns) && dns.IsNotFound {
		return &lackError{e}
	}
	return &laterError{err: &silentError{to.Host, e}}
}

// forbidden is for what policy blocks: the server itself, or what it leads to.
func (p *peer) forbidden(to *url.URL, link bool, why error) error {
	text := fmt.Sprintf("This server may not connect to the %s.", p.name())
	if link || to.Host != p.Endpoint.Host {
		host := rehome.Clean(to.Host, maxText)
		text = fmt.Sprintf("The %s leads to %s, which is, or leads to, an address that this server may not connect to.", p.name(), host)
	}
	return &rehome.Error{
		Code: rehome.BlockedByPolicy, Message: text,
		Hint: "Ask this server's operator to allow it with --allow-network.", Err: why,
	}
}

// forgoes reports whether err, of a server that was tried as often as is of use, makes no more than a lack.
func (d *download) forgoes(ctx context.Context, err error) bool {
	if err == nil || !d.AllowMissing || ctx.Err() != nil {
		return false
	}
	code := rehome.CodeOf(err)
	return code == rehome.Unreachable || code == rehome.SourceCutOff
}

// maxPatience is how many objects in a row may be given up until the others are asked for once only: each
// takes minutes.
const maxPatience = 16

// tired reports whether waiting for another try has been in vain too often.
func (d *download) tired() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inRow >= maxPatience
}

// counted returns how many objects came so far.
func (d *download) counted() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.came
}

func (d *download) count() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.came++
	d.inRow = 0
}

// giveUp notes that an object could not be had, and that so many had come when it was tried first. A host that
// said nothing while no other object came is not asked again.
func (d *download) giveUp(why error, before int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inRow++
	var silent *silentError
	if errors.As(why, &silent) && d.came == before {
		d.gone[silent.host] = why
	}
}

// hopeless returns why the host that an answer links to is not asked any more; nil when it is.
func (p *part) hopeless(a answer) error {
	if a.link == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone[a.link.href.Host]
}
