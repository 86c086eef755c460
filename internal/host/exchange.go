package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"rehome/internal/git/cage"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
)

// maxRequest bounds what git keeps in memory of a request, as it is inflated: the wants and haves of
// upload-pack, the ref updates of receive-pack. Bytes.
const maxRequest = 64 << 20

// exchange is one request and its answer.
type exchange struct {
	host    *Host
	repoID  int64
	service cage.Program
	entry   *entry
	repo    *repo.Repo
	r       *http.Request
	w       *answer
}

func (x *exchange) serve(ctx context.Context, advertise bool) error {
	switch {
	case advertise:
		return x.advertise(ctx)
	case x.service == cage.UploadPack:
		return x.upload(ctx)
	}
	return x.receive(ctx)
}

// protocol returns the GIT_PROTOCOL the client asks for; whatever is not one of Git's versions is nothing.
func (x *exchange) protocol() string {
	asked := x.r.Header.Get("Git-Protocol")
	if slices.Contains([]string{"version=0", "version=1", "version=2"}, asked) {
		return asked
	}
	return ""
}

// secondVersion reports whether git will speak protocol version 2; it never does so for a push.
func (x *exchange) secondVersion() bool {
	return x.service == cage.UploadPack && x.protocol() == "version=2"
}

// advertise answers GET info/refs.
func (x *exchange) advertise(ctx context.Context) error {
	x.w.Header().Set("Content-Type", "application/x-git-"+string(x.service)+"-advertisement")
	if !x.secondVersion() {
		x.w.before = func(w io.Writer) error {
			out := protocol.NewWriter(w)
			out.Line("# service=git-%s", x.service)
			out.Flush()
			return out.Err()
		}
	}
	return x.run(ctx, cage.Advertise, http.NoBody)
}

// upload answers POST git-upload-pack. Nothing is started before the whole request has been read.
func (x *exchange) upload(ctx context.Context) error {
	x.w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	body, err := requestBody(ctx, x.w, x.r, time.Now().Add(x.host.patience))
	if err != nil {
		return err
	}
	request := &spool{dir: x.host.o.Dir, limit: maxRequest}
	defer request.close()
	err = x.checkedRequest(ctx, request, body)
	if refused := (*notOurRef)(nil); errors.As(err, &refused) {
		out := protocol.NewWriter(x.w)
		out.Data([]byte("ERR upload-pack: " + refused.Error()))
		return out.Err()
	}
	if err != nil {
		return badRequest(err)
	}
	input, err := request.reader()
	if err != nil {
		return err
	}
	return x.run(ctx, cage.Answer, input)
}

// start starts a child of the exchange, whose output goes to out.
func (x *exchange) start(ctx context.Context, mode cage.Mode, out io.Writer) (*cage.Child, error) {
	return cage.Start(ctx, cage.Command{
		Git: x.host.o.Git, Program: x.service, Mode: mode, Dir: x.repo.Dir(), Protocol: x.protocol(),
		Files: x.host.around().Files, HideRefs: hiddenRefs, MaxInput: x.host.o.MaxPush, Stdout: out,
	})
}

// run runs a child whose input is there and whose output goes to the answer.
func (x *exchange) run(ctx context.Context, mode cage.Mode, input io.Reader) error {
	c, err := x.start(ctx, mode, x.w)
	if err != nil {
		return err
	}
	io.Copy(c.Stdin, input) // a child that does not read on has said why, or says so by its status
	c.Stdin.Close()
	_, err = c.Wait()
	return x.ended(c, err)
}

// ended judges how a child ended: what it had to say to the client is in the answer already.
func (x *exchange) ended(c *cage.Child, err error) error {
	if err == nil {
		return nil
	}
	return &childError{service: x.service, err: err, said: fmt.Sprint(c.Said())}
}

// childError is how a child ended, and its last words.
type childError struct {
	service cage.Program
	err     error
	said    string
}

func (e *childError) Error() string { return fmt.Sprintf("git %s: %v: %s", e.service, e.err, e.said) }
func (e *childError) Unwrap() error { return e.err }

// receive answers POST git-receive-pack. The answer begins when the request has been read: net/http
// takes what is left of a request away from its reader once an answer has begun.
func (x *exchange) receive(ctx context.Context) error {
	x.w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
	ctx, end := x.watch(ctx)
	err := x.push(ctx)
	if why := end(); why != nil {
		return why
	}
	return err
}

func (x *exchange) push(ctx context.Context) error {
	body, err := requestBody(ctx, x.w, x.r, time.Time{})
	if err != nil {
		return err
	}
	commands := &spool{dir: x.host.o.Dir, limit: maxRequest}
	defer commands.close()
	request, err := readCommands(body, commands)
	if err != nil {
		return badRequest(err)
	}
	before, err := x.repo.Refs()
	if err != nil {
		return err
	}
	out := &held{kept: spool{dir: x.host.o.Dir, limit: maxRequest}}
	defer out.kept.close()
	c, err := x.start(ctx, cage.Answer, out)
	if err != nil {
		return err
	}
	killed, err := x.feed(c, request, out)
	if killed {
		x.entry.setDirty(true)
	}
	return errors.Join(x.ended(c, err), x.pushed(ctx, before))
}

// readCommands reads the ref updates a push begins with into to, and returns them with what
// follows: nothing is started before they are there.
func readCommands(r io.Reader, to *spool) (io.Reader, error) {
	in, out := protocol.NewReader(r), protocol.NewWriter(to)
	for {
		kind, data, err := in.Next()
		switch {
		case err != nil:
			return nil, err
		case kind == protocol.Data:
			out.Data(data)
		case kind == protocol.Flush:
			out.Flush()
		default:
			return nil, fmt.Errorf("%w: %s in a push", protocol.ErrMalformed, kind)
		}
		if err := out.Err(); err != nil {
			return nil, err
		}
		if kind == protocol.Flush {
			commands, err := to.reader()
			return io.MultiReader(commands, in.Rest()), err
		}
	}
}

// feed runs a child on a request that streams in.
func (x *exchange) feed(c *cage.Child, body io.Reader, out *held) (killed bool, err error) {
	_, copyErr := io.Copy(c.Stdin, body)
	if copyErr != nil {
		// Git has ended early and says why in its answer, which a client reads when all is sent.
		_, copyErr = io.Copy(io.Discard, io.LimitReader(body, x.host.o.MaxPush))
	}
	c.Stdin.Close()
	releaseErr := out.release(x.w)
	killed, err = c.Wait()
	if err == nil {
		err = errors.Join(copyErr, releaseErr)
	}
	return killed, err
}

// pushed does what follows a push: HEAD names a branch, and who asked is told.
func (x *exchange) pushed(ctx context.Context, before []repo.Ref) error {
	after, err := x.repo.Refs()
	if err != nil || slices.Equal(before, after) {
		return err
	}
	x.entry.setLook(true)
	if err := x.entry.followFirstBranch(x.repo, after); err != nil {
		return err
	}
	if x.host.o.Pushed != nil {
		x.host.o.Pushed(context.WithoutCancel(ctx), x.repoID)
	}
	return nil
}

// badRequest turns what is wrong with a request's bytes into a refusal.
func badRequest(err error) error {
	if errors.Is(err, protocol.ErrMalformed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &refusal{http.StatusBadRequest, "The request is malformed."}
	}
	return err
}
