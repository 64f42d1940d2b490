package clean

const (
	quarantineFolder = "quarantine"
	manifestPath     = quarantineFolder + "/manifest.jsonl"
)
