namespace HangAnalysis.Model;

/// <summary>What kind of thing a thread waits for, by the reason that its operating system records.</summary>
public enum WaitGroup
{
    /// <summary>It does not wait.</summary>
    None,

    /// <summary>For the next piece of work: what a healthy worker does.</summary>
    Work,

    /// <summary>For a lock that somebody else has.</summary>
    Lock,

    /// <summary>For the answer to a message that it sent.</summary>
    Reply,

    /// <summary>For memory: a page that is read in, a free page, an allocation.</summary>
    Memory,

    /// <summary>For somebody who has suspended it.</summary>
    Suspended,

    /// <summary>For anything else: events, timers, its own program.</summary>
    Other,
}
