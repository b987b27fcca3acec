package processor

// Sensor is a way in which failures become known one by one. Each failure is to come from one of them.
type Sensor uint8

// The sensors.
const (
	Filter         Sensor = iota // the ext_proc filter of a listener, with or without a matcher
	UpstreamFilter               // the ext_proc filter of a cluster, which sees each attempt
	AccessLog                    // the router's upstream_log
)

// sensor says where the filter stands that sent a message. Only in a listener Envoy knows response.code, and the samples
// all ask for it; trailers are sent from there alone.
func (f *Facts) sensor() Sensor {
	if f.Kind == ResponseHeaders && f.Attributes.Code == 0 {
		return UpstreamFilter
	}
	return Filter
}
