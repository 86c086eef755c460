// Package egress is the only way out: every connection to somewhere else is opened and checked here.
//
// A name is resolved here, every address it has is checked, and the address that was
// checked is the one dialled, so a name that changes its mind between check and use
// reaches nothing. What cannot be resolved or judged is not connected to.
package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"rehome"
)

// Policy says where connections may go. The zero value allows public addresses only.
type Policy struct {
	Unrestricted bool   // no checks at all: the command line, on the user's own machine
	AllowPrivate bool   // private and loopback networks too, but never metadata addresses
	Allow        []Rule // reachable besides; wins over everything but Block and metadata
	Block        []Rule // not reachable; wins over Allow

	CAFile string   // PEM certificates trusted besides the system's; "" for none
	Proxy  *url.URL // http proxy everything goes through by CONNECT, to the address checked here; nil for none

	Idle   time.Duration                                                // a connection on which nothing moves for so long is broken; 0 = 2 minutes
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error) // nil = the system's resolver
}

// The time the parts of a request may take.
const (
	dialTimeout   = 30 * time.Second // name and connection, all addresses together
	tlsTimeout    = 20 * time.Second
	headerTimeout = 2 * time.Minute // a forge may count objects that long before it answers
	defaultIdle   = 2 * time.Minute
	maxHeader     = 128 << 10
	// readBuffer is large because packs come through it.
	readBuffer = 128 << 10
)

// Client sends HTTP requests under a policy. It keeps no cookies, takes nothing from the
// environment and leaves bodies as they came. Safe for concurrent use.
type Client struct {
	policy    Policy
	transport *http.Transport
	client    *http.Client
	roots     *x509.CertPool
}

// New returns a client for p. It fails when CAFile cannot be read or Proxy is no http proxy.
func New(p Policy) (*Client, error) {
	if p.Idle == 0 {
		p.Idle = defaultIdle
	}
	if p.Lookup == nil {
		p.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if p.Proxy != nil && !isProxy(p.Proxy) {
		return nil, errNoProxy
	}
	roots, err := readRoots(p.CAFile)
	if err != nil {
		return nil, err
	}
	c := &Client{policy: p, roots: roots}
	c.transport = c.newTransport(c.dial)
	c.transport.ResponseHeaderTimeout = headerTimeout
	c.client = &http.Client{Transport: c.transport, CheckRedirect: c.checkRedirect}
	return c, nil
}

// newTransport returns what speaks HTTP over the connections that dial opens.
func (c *Client) newTransport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    tlsTimeout,
		MaxResponseHeaderBytes: maxHeader,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    8, // Git LFS objects come over so many
		MaxIdleConns:           64,
		DisableCompression:     true,
		ReadBufferSize:         readBuffer,
	}
}

// Do sends r and returns the answer, whose body the caller closes. GET and HEAD follow
// redirects; for other methods a redirect is the answer. Errors are *rehome.Error with
// the codes BlockedByPolicy, Unreachable and Cancelled.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	return c.do(c.client, r)
}

func (c *Client) do(client *http.Client, r *http.Request) (*http.Response, error) {
	if err := c.checkHTTP(r.URL); err != nil {
		return nil, err
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, explain(r.Context(), r.URL, err)
	}
	return resp, nil
}

// Close ends the connections nobody uses.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// CheckURL refuses at once what needs no resolver to be refused: schemes other than http,
// https, ssh and git, literal addresses that are not allowed, spellings of addresses. The
// error is *rehome.Error with code BlockedByPolicy.
func (c *Client) CheckURL(u *url.URL) error {
	if u.Scheme == "ssh" || u.Scheme == "git" {
		return c.checkHost(u.Hostname())
	}
	return c.checkHTTP(u)
}

// checkHTTP is CheckURL for what is asked over HTTP.
func (c *Client) checkHTTP(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return blocked(fmt.Errorf("scheme %q", u.Scheme))
	}
	return c.checkHost(u.Hostname())
}

func (c *Client) checkHost(name string) error {
	host := hostKey(name)
	if host == "" {
		return blocked(errors.New("no host"))
	}
	if c.policy.Unrestricted {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if !c.policy.allows(host, a) {
			return blocked(fmt.Errorf("address %s", a))
		}
		return nil
	}
	if isNoName(host) {
		return blocked(fmt.Errorf("host %q", host))
	}
	if host == "localhost" && !c.policy.allows(host, netip.IPv6Loopback()) {
		return blocked(errors.New("localhost"))
	}
	if anyHost(c.policy.Block, host) {
		return blocked(fmt.Errorf("host %q", host))
	}
	return nil
}

// blocked is the one answer for every refused target, so that nobody learns from it what is there.
func blocked(why error) error {
	return &rehome.Error{
		Code:    rehome.BlockedByPolicy,
		Message: "This server may not connect to that address.",
		Hint:    "The server's operator can allow it with --allow-network.",
		Err:     why,
	}
}

// explain gives an error of a request its code and a sentence for people.
func explain(ctx context.Context, u *url.URL, err error) error {
	var known *rehome.Error
	if errors.As(err, &known) {
		return known
	}
	at := dialled(u, err)
	if isLate(ctx) {
		return late(at, withoutURL(err))
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return &rehome.Error{Code: rehome.Cancelled, Message: "The request was cancelled.", Err: ctx.Err()}
	}
	err = withoutURL(err)
	name := rehome.Clean(at, 255)
	if at != u.Host {
		name += ", where " + rehome.Clean(u.Host, 255) + " leads"
	}
	e := &rehome.Error{
		Code:    rehome.Unreachable,
		Message: fmt.Sprintf("Cannot connect to %s: %s.", name, Reason(err)),
		Hint:    remedy(err),
		Err:     err,
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		e.Err = fmt.Errorf("%w: %w", ErrLate, err)
	}
	return e
}

// late is the error of a host that is waited for no longer.
func late(host string, err error) error {
	return &rehome.Error{
		Code:    rehome.Unreachable,
		Message: fmt.Sprintf("%s does not answer in time.", rehome.Clean(host, 255)),
		Hint:    remedy(err),
		Err:     fmt.Errorf("%w: %w", ErrLate, err),
	}
}

// dialled returns the host and port that a request failed at: that of u, or where it leads.
func dialled(u *url.URL, err error) string {
	var around *url.Error
	if errors.As(err, &around) {
		if at, err := url.Parse(around.URL); err == nil && at.Host != "" {
			return at.Host
		}
	}
	return u.Host
}

// withoutURL takes away what net/http puts around an error: the address, as the other side
// spelt it in a redirect, with whatever secret it put there.
func withoutURL(err error) error {
	var around *url.Error
	if errors.As(err, &around) {
		err = around.Err
	}
	switch text := err.Error(); { // net/http gives these no type
	case strings.HasPrefix(text, "failed to parse Location header"):
		return errBadRedirect
	case strings.Contains(text, "transport connection broken: malformed HTTP"),
		strings.HasPrefix(text, "malformed HTTP"),                    // its greeting was read as the answer, before the request was out
		strings.Contains(text, "readLoopPeekFailLocked: %!w(<nil>)"): // it spoke before it was asked
		return ErrNotHTTP
	}
	return err
}

// ErrNotHTTP says that something answered, but not in HTTP.
var ErrNotHTTP = errors.New("it does not speak HTTP")

// Lasting reports whether a request failed for what another try a little later does not change: a server that does
// not speak TLS, a certificate that is not trusted, redirects that lead nowhere.
func Lasting(err error) bool {
	var certificate *tls.CertificateVerificationError
	return isNotTLS(err) || errors.As(err, &certificate) || errors.Is(err, errTooManyRedirects) || errors.Is(err, errBadRedirect)
}

func isNotTLS(err error) bool {
	var record tls.RecordHeaderError
	return errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch)
}

// Reason says in a few words why a connection failed, without foreign text.
func Reason(err error) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	for _, own := range []error{errTooManyRedirects, errBadRedirect, ErrNotHTTP, errProxy} {
		if errors.Is(err, own) {
			return own.Error() // err may have more around it
		}
	}
	switch {
	case errors.As(err, &dns):
		return "the name cannot be resolved"
	case errors.As(err, &certificate):
		return "its certificate is not trusted"
	case isNotTLS(err):
		return "it does not speak TLS"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "it does not answer in time"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return "the connection is refused"
	}
	return "the connection broke"
}

// remedy says what to do about a connection that failed.
func remedy(err error) string {
	var untrusted *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, errProxy):
		return "Whoever runs this server can look after its proxy (--proxy)."
	case errors.As(err, &unknown):
		return "Its certificate is not signed by an authority this machine trusts; give --ca-file, or SSL_CERT_FILE on the command line."
	case errors.As(err, &untrusted):
		return "Its certificate is for another name, out of date or not for servers; whoever runs it can replace it."
	}
	return "Check the address, and that the server is up."
}

func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificates: %w", err)
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %q", file)
	}
	return roots, nil
}
