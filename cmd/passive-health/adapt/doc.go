// Package adapt puts passive-health beside an Envoy that its users have configured themselves.
//
// [Adapt] takes an envoy.yaml and gives the edits that add the sensor, the clusters of the service, load reports and a
// node id, and that make clusters take their hosts from the service; the hosts go into a passive-health.yaml. What it
// adds it cuts out of the shipped configurations of package envoy, so that there is one text of each piece.
//
// The text is spliced where the nodes stand and never encoded anew: comments, order, quotes and anchors stay to the
// byte. Where a node ends has to be found in the text, and YAML has many layouts; so every result is parsed again and
// must be the original tree with the intended changes, or the file is refused. A file that cannot be adapted gives a
// [*Refusal], with the line; a cluster that cannot, a [Note].
package adapt
