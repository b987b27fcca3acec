// Package health holds the rules: when a failing upstream host is taken out of rotation, and when it comes back.
//
// It is a deterministic state machine, a fold over events. Every event has a time that the caller gives; nothing here
// reads a clock, does I/O or starts a goroutine, and only the standard library is imported. The same events at the
// same times give the same verdicts, on every machine.
//
//	             error_threshold errors in window
//	healthy ------------------------------------------> ejected
//	   ^  ^                                              |   ^
//	   |  '--- recovery_time over, no probation ---------'   |
//	   |                                                 |   | probation_error_threshold errors
//	   '-- last step over -- probation <-----------------'   |
//	                             '---------------------------'
//
// Events are Record (what a sensor saw), SetClusters (members and policies), AddOverride and EndOverride (an
// operator's word), Reset, and the passing of time itself: Advance, which every other event implies.
//
// What counts is for the cluster's Policy to say. The rules, in short:
//
//   - An error of a host that is out raises its lifetime total and nothing else: it was in flight already.
//   - A success never clears errors; they leave the window by age. The window is exact.
//   - Only time, an operator or a shrunken cap brings a host back: an ejected host gets no traffic to prove itself.
//   - An ejection that is not allowed (a cap, a missing quorum, an operator's word) is refused with a reason, and
//     reconsidered at the host's next error and whenever room appears, oldest want first.
//   - What no cluster lists is counted and creates nothing.
//   - Time only moves forward. Evidence that is missing, late or doubtful leads to fewer ejections, never to more.
//
// A verdict and an operator's override are two things; Snapshot shows both, and what is published after both.
//
// A Tracker has one mutex. Its methods may be called by anyone at any time; what they return belongs to the caller.
package health
