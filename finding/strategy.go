package finding

// Strategy is one of the eight mitigation strategies that andiron puts into
// effect. Every finding belongs to one.
type Strategy string

// The eight strategies.
const (
	DependencyScanning Strategy = "dependency-scanning"
	DependencyPinning  Strategy = "dependency-pinning"
	SafeSerialization  Strategy = "safe-serialization"
	TrustedSources     Strategy = "trusted-sources"
	FrameworkUpdates   Strategy = "framework-updates"
	SecureLoading      Strategy = "secure-loading"
	InputValidation    Strategy = "input-validation"
	CustomOps          Strategy = "custom-ops"
)

// Strategies lists all eight in the order of the posture report.
func Strategies() []Strategy {
	return []Strategy{
		DependencyScanning, DependencyPinning, SafeSerialization, TrustedSources,
		FrameworkUpdates, SecureLoading, InputValidation, CustomOps,
	}
}
