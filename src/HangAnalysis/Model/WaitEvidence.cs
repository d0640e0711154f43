namespace HangAnalysis.Model;

/// <summary>When a wait can be evidence of a hang.</summary>
public static class WaitEvidence
{
    /// <summary>
    /// A wait is no evidence before it has lasted this long: healthy systems have thousands of shorter ones at any moment.
    /// </summary>
    public static readonly TimeSpan LeastAge = TimeSpan.FromSeconds(5);

    /// <summary>Whether a thread has waited long enough; one whose age is unknown may have.</summary>
    public static bool HasLasted(ThreadFacts thread) => thread.Age is not { } age || age >= LeastAge;
}
