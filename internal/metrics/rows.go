package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"rehome"
	"rehome/internal/store"
)

var (
	importsDesc  = prometheus.NewDesc("rehome_imports", "Imports at each status.", []string{"status"}, nil)
	heldDesc     = prometheus.NewDesc("rehome_imports_held", "Imports that a worker of any process works on.", nil, nil)
	depthDesc    = prometheus.NewDesc("rehome_queue_depth", "Imports that are due and wait for a worker.", nil, nil)
	oldestDesc   = prometheus.NewDesc("rehome_queue_oldest_seconds", "How long the import that waits longest has been due, by the database's clock; 0 for none.", nil, nil)
	readyDesc    = prometheus.NewDesc("rehome_queue_ready", "Imports that are due and within their user's limit: they wait for a worker and nothing else.", nil, nil)
	unservedDesc = prometheus.NewDesc("rehome_queue_ready_oldest_seconds", "How long the one of rehome_queue_ready that waits longest has been due; 0 for none.", nil, nil)
	pendingDesc  = prometheus.NewDesc("rehome_deliveries_pending", "Deliveries of webhooks that are not made yet.", nil, nil)
	readDesc     = prometheus.NewDesc("rehome_rows_read_timestamp_seconds", "When the database last said what imports, queue and pending deliveries show.", nil, nil)
	workersDesc  = prometheus.NewDesc("rehome_workers", "Imports that this process works on at once at most.", nil, nil)
	busyDesc     = prometheus.NewDesc("rehome_workers_busy", "Imports that this process works on.", nil, nil)
	floorDesc    = prometheus.NewDesc("rehome_disk_floor_bytes", "Room on the disk below which this process takes no new work.", nil, nil)
	databaseDesc = prometheus.NewDesc("rehome_database_up", "Whether the database answered this process when it was asked last.", nil, nil)
	bucketDesc   = prometheus.NewDesc("rehome_bucket_up", "Whether the bucket answered this process when it was asked last.", nil, nil)
	freeDesc     = prometheus.NewDesc("rehome_disk_free_bytes", "Bytes that can still be written to the disk with the data folder.", nil, nil)
)

// rowsCollector shows what the rows say, or said when they were last read. Before that there is nothing to show.
type rowsCollector struct{ rows *reading[store.Gauges] }

// Describe names what Collect shows.
func (c rowsCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{importsDesc, heldDesc, depthDesc, oldestDesc, readyDesc, unservedDesc, pendingDesc, readDesc} {
		to <- d
	}
}

// Collect waits for the rows no longer than patience.
func (c rowsCollector) Collect(to chan<- prometheus.Metric) {
	g, at := c.rows.now()
	if at.IsZero() {
		return
	}
	for _, status := range rehome.Statuses() {
		to <- gauge(importsDesc, float64(g.Imports[status]), string(status))
	}
	to <- gauge(heldDesc, float64(g.Held))
	to <- gauge(depthDesc, float64(g.Waiting))
	to <- gauge(oldestDesc, g.Oldest.Seconds())
	to <- gauge(readyDesc, float64(g.Ready.N))
	to <- gauge(unservedDesc, g.Ready.Oldest.Seconds())
	to <- gauge(pendingDesc, float64(g.Pending))
	to <- gauge(readDesc, float64(at.UnixMilli())/1000)
}

// diskCollector shows how much room is left.
type diskCollector struct{ free *reading[uint64] }

// Describe names what Collect shows.
func (c diskCollector) Describe(to chan<- *prometheus.Desc) { to <- freeDesc }

// Collect waits for the disk no longer than patience.
func (c diskCollector) Collect(to chan<- prometheus.Metric) {
	if free, at := c.free.now(); !at.IsZero() {
		to <- gauge(freeDesc, float64(free))
	}
}

// processCollector shows what a process says of itself.
type processCollector struct{ p Process }

// Describe names what Collect shows.
func (c processCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{workersDesc, busyDesc, floorDesc, databaseDesc, bucketDesc} {
		to <- d
	}
}

// Collect waits for nothing.
func (c processCollector) Collect(to chan<- prometheus.Metric) {
	to <- gauge(workersDesc, float64(c.p.Workers))
	to <- gauge(floorDesc, float64(c.p.Floor))
	if c.p.Busy != nil {
		to <- gauge(busyDesc, float64(c.p.Busy()))
	}
	for d, up := range map[*prometheus.Desc]func() bool{databaseDesc: c.p.Database, bucketDesc: c.p.Bucket} {
		if up == nil {
			continue
		}
		value := 0.0
		if up() {
			value = 1
		}
		to <- gauge(d, value)
	}
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}
