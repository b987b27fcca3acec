package adapt

// addClusters adds the two clusters of the service, those that are missing.
func (a *adaption) addClusters() {
	clusters := a.clusters()
	pieces := []piece{a.kit.processor}
	if !a.options.ObserveOnly {
		pieces = append(pieces, a.kit.xds)
	}
	for _, p := range pieces {
		if byName(clusters, text(p.node, "name")).Kind != 0 {
			continue
		}
		a.doc.appendItem(clusters, p)
	}
}

// addNode sees to it that Envoy has an id and a cluster: load reports need both, and verdicts count by the id.
func (a *adaption) addNode() {
	key, node := field(a.doc.root, "node")
	if key != nil && isNull(node) {
		a.doc.replaceEntry(a.doc.root, key, node, a.kit.node)
		a.notef(key, nodeAdvice)
		return
	}
	if key == nil {
		a.doc.appendEntry(a.doc.root, a.kit.node)
		a.notef(a.doc.root, nodeAdvice)
		return
	}
	node = target(node)
	if text(node, "id") == "" && mergeKey(node) == nil {
		a.doc.appendEntry(node, a.kit.nodeID)
		a.notef(node, nodeAdvice)
	}
	if text(node, "cluster") == "" && mergeKey(node) == nil {
		a.doc.appendEntry(node, a.kit.nodeCluster)
	}
}

const nodeAdvice = "node: an id is added; each Envoy needs one of its own, so where several run this file start them with --service-node"

// addLoadReports asks for load reports, unless somebody else gets them: Envoy sends them to one place only.
func (a *adaption) addLoadReports() {
	key, manager := field(a.doc.root, "cluster_manager")
	switch reports := get(manager, "load_stats_config"); {
	case key == nil:
		a.doc.appendEntry(a.doc.root, a.kit.clusterManager)
	case isNull(manager):
		a.doc.replaceEntry(a.doc.root, key, manager, a.kit.clusterManager)
	case names(reports, processorCluster):
	case a.reportsTaken:
		a.notef(reports, "load_stats_config kept: these load reports go to another service, so passive-health has no volumes "+
			"and does not see failures that retries rescued")
	case mergeKey(target(manager)) != nil:
		a.notef(manager, "cluster_manager skipped: it has a merge key, so load_stats_config is yours to add")
	default:
		a.doc.appendEntry(target(manager), a.kit.loadStats)
	}
}
