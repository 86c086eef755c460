package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// person is somebody at a browser of their own: nobody else's cookies are in it.
type person struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu     sync.Mutex
	amiss  []string // dialogs, violations of the pages' policy, and what scripts threw; guarded by mu
	opened bool
}

// chromium starts a browser, and returns what makes windows in it. Without one a test is passed over, but not where CI says that everything is there.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%v: install Debian's package chromium", err)
		}
		t.Skipf("%v: the pages are not tried in a browser without Debian's package chromium", err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()))
	for _, flag := range []string{"no-sandbox", "disable-gpu", "disable-quic", "disable-component-update"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return ctx
}

// newPerson opens a window of a browser whose pages are those of a server.
func newPerson(t *testing.T, browser context.Context, base string) *person {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	p := &person{t: t, ctx: ctx, base: base}
	t.Cleanup(func() {
		p.calm()
		stop()
	})
	if err := chromedp.Listen(ctx, p.heard); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, struct{}{}); err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.ExposeFunc("violated", func(_ context.Context, what string) (string, error) {
		p.note("violation: " + what)
		return "", nil
	}))
	const watch = `addEventListener("securitypolicyviolation", function (e) { violated(e.violatedDirective + " " + e.blockedURI + " " + e.sample); })`
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch}); err != nil {
		t.Fatal(err)
	}
	return p
}

// heard notes what has no business on a page.
func (p *person) heard(event any) {
	switch e := event.(type) {
	case *page.EventJavascriptDialogOpening:
		p.note("dialog: " + e.Message)
	case *runtime.EventExceptionThrown:
		p.note("exception: " + e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
			p.note("log: " + e.Entry.Text)
		}
	}
}

func (p *person) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.amiss = append(p.amiss, what)
}

// calm wants nothing to have been noted.
func (p *person) calm() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.amiss) > 0 {
		p.t.Errorf("the browser says:\n%s", strings.Join(p.amiss, "\n"))
	}
	p.amiss = nil
}

func (p *person) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	if !p.opened { // the first steps open the window, which would close with their context
		ctx, p.opened = p.ctx, true
	}
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%v at %s", err, p.where())
	}
}

func (p *person) goTo(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.base + path))
}

// look evaluates an expression on the page.
func look[T any](p *person, expression string) (T, error) {
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// where is what is seen, for those who read of a failure.
func (p *person) where() string {
	text, err := look[string](p, `location.href + "\n" + (document.body ? document.body.innerText : "")`)
	if err != nil {
		return err.Error()
	}
	return text
}

// await waits until an expression is true, through whatever loads meanwhile.
func (p *person) await(expression string) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		ok, err := look[bool](p, "!!("+expression+")")
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("waited for %s: %v, at %s", expression, err, p.where())
		}
	}
}

// sees waits for a text on the page.
func (p *person) sees(text string) {
	p.t.Helper()
	p.await(fmt.Sprintf("document.readyState == 'complete' && document.body.innerText.includes(%q)", text))
}

// lacks wants a text not to be on the page.
func (p *person) lacks(text string) {
	p.t.Helper()
	if there, err := look[bool](p, fmt.Sprintf("document.documentElement.innerHTML.includes(%q)", text)); err != nil || there {
		p.t.Fatalf("%q is there (%v), at %s", text, err, p.where())
	}
}

func (p *person) click(css string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(css)))
}

func (p *person) types(css, text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS(css), text))
}

func (p *person) press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// tabTo goes to an element by Tab alone, and wants everybody to see that it is there.
func (p *person) tabTo(css string) {
	p.t.Helper()
	for range 60 {
		p.press(kb.Tab)
		here, err := look[bool](p, fmt.Sprintf("document.activeElement.matches(%q)", css))
		if err != nil {
			p.t.Fatal(err)
		}
		if !here {
			continue
		}
		if seen, err := look[bool](p, `(function (s) { return s.outlineStyle != "none" && s.outlineWidth != "0px" || s.boxShadow != "none" })(getComputedStyle(document.activeElement))`); err != nil || !seen {
			p.t.Errorf("nobody sees that %s is in focus: %v", css, err)
		}
		return
	}
	p.t.Fatalf("Tab does not lead to %s, at %s", css, p.where())
}

// signIn types a token.
func (p *person) signIn(token string) {
	p.t.Helper()
	p.goTo("/")
	p.sees("Sign in")
	p.types("#token", token+kb.Enter)
	p.await(`document.readyState == "complete" && !location.pathname.includes("sign-in")`)
}

// size makes the window so wide, in light or dark.
func (p *person) size(width int64, scheme string) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, 800))
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}, // colours do not fade into each other
	}})
	if err != nil {
		p.t.Fatal(err)
	}
}

// withoutScripts has the browser run none.
func (p *person) withoutScripts() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		p.t.Fatal(err)
	}
}

// tokenOf makes a token of a user.
func tokenOf(t *testing.T, s *server, user string) string {
	t.Helper()
	cmd := exec.Command(program, "token", "create", "--data", "data", "--user", user)
	cmd.Dir, cmd.Env = s.cmd.Dir, s.cmd.Env
	out, err := cmd.Output()
	if err != nil {
		var ended *exec.ExitError
		errors.As(err, &ended)
		t.Fatalf("%v: %s", err, ended.Stderr)
	}
	return strings.TrimSpace(string(out))
}

// clickNth enters the field for a name in the nth row.
func clickNth(n int) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(fmt.Sprintf("tbody tr:nth-child(%d) input[name=name]", n+1)))
}
