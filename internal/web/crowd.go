package web

import "net/http"

// What a token may have under way at once.
const (
	maxStreams    = 100 // of what happens to imports; the API's event streams are counted by themselves
	maxDetections = 4   // questions what answers at a URL: each is a connection to somebody
)

var errCrowded = &problem{
	status: http.StatusTooManyRequests, title: "Too much at once",
	text: "Too many of these are under way with your token.", hint: "Close some pages, or wait for a moment.",
}
