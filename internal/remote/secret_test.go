package remote

import (
	"net/url"
	"testing"

	"rehome"
)

func TestRepeatsSecret(t *testing.T) {
	https := func(name, password string) Location {
		return Location{URL: &url.URL{Scheme: "https", Host: "h"}, Username: name, Password: rehome.Secret(password)}
	}
	ssh := https("git", "")
	ssh.URL.Scheme = "ssh"
	locked := https("git", "can ary")
	locked.URL.Scheme = "ssh"
	for _, c := range []struct {
		l    Location
		text string
		want bool
	}{
		{https("", ""), "anything", false},
		{https("me", "canary"), "me may not", false},
		{https("me", "canary"), "Basic bWU6Y2FuYXJ5 is wrong", true},
		{https("me", "can ary"), "password=can+ary", true},
		{https("me", "can ary"), "password=can%20ary", true},
		{https("me", "can\tary"), "can ary is wrong", true},
		{https("canary", ""), "canary is no token", true},
		{https("a-canary-as-long-as-a-token", "x-oauth"), "a-canary-as-long-as-a-token is no token", true},
		{ssh, "git may not", false},
		{locked, "git may not", false},
		{locked, "can ary is wrong", true},
		{https("me", "p"), "There is no such repository (status 404)", false},
		{https("me", "p"), "the password p is wrong", true},
		{https("me", "p"), "me:p is wrong", true},
		{https("me", "404"), "14045 objects", false},
		{https("me", "404"), "status 404", true},
	} {
		if got := RepeatsSecret(c.l, c.text); got != c.want {
			t.Errorf("%s, %q: %v", c.l, c.text, got)
		}
	}
}

func TestRedact(t *testing.T) {
	l := Location{URL: &url.URL{Scheme: "https", Host: "h"}, Username: "me", Password: "can ary"}
	short := l
	short.Password = "p"
	for _, c := range []struct {
		l          Location
		text, want string
	}{
		{l, "nothing", "nothing"},
		{l, "can ary, can+ary and me:can ary", "[redacted], [redacted] and [redacted]"},
		{l, "Basic bWU6Y2FuIGFyeQ== is wrong", "Basic [redacted]== is wrong"},
		{l, "can can ary ary", "can [redacted] ary"},
		{short, "no such repository: p", "no such repository: [redacted]"},
	} {
		if got := Redact(c.l, c.text); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}
