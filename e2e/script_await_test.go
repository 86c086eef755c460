package e2e

import (
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// awaitAnswer: await PATH PATTERN asks for PATH below $API, as $TOKEN, until the answer is 200 and PATTERN matches it. The answer is stdout.
func awaitAnswer(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: await PATH PATTERN")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		got, err := call(ts.Getenv("API"), ts.Getenv("TOKEN"), "GET", args[0], "", nil)
		ts.Check(err)
		if got.code == 200 && pattern.Match(got.body) {
			ts.Stdout().Write(got.body)
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("GET %s does not come to %s: %d: %s", args[0], args[1], got.code, got.body)
		}
	}
}
