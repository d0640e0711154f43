namespace HangAnalysis.Model;

/// <summary>A step of the wait graph: one object cannot go on before the other does.</summary>
/// <param name="From">Who waits.</param>
/// <param name="To">What it waits for.</param>
/// <param name="What">What is awaited, in words.</param>
/// <param name="Certainty">How sure it is.</param>
/// <param name="Evidence">The debugger command that shows it.</param>
public sealed record WaitEdge(ObjectReference From, ObjectReference To, Phrase What, Certainty Certainty, string Evidence);

/// <summary>A fact that the verdict rests on having looked at and found in order.</summary>
/// <param name="What">What was looked at: <c>memory</c>, <c>locks</c>.</param>
/// <param name="Why">With what figure it is ruled out.</param>
public sealed record RuledOut(string What, string Why);

/// <summary>Something that could not be found out.</summary>
/// <param name="What">What is not known.</param>
/// <param name="Why">Why not.</param>
public sealed record Unknown(string What, string Why);

/// <summary>What is known of an object that is a node of the wait graph and neither a thread nor a process.</summary>
/// <param name="Reference">The object.</param>
/// <param name="Title">What to call it in a chain, such as <c>ALPC message</c>.</param>
/// <param name="Name">Name of the object where it has one. Text from the dump.</param>
/// <param name="State">What its state says about why nobody gets on, or null.</param>
public sealed record ObjectFacts(ObjectReference Reference, string Title, string? Name, Phrase? State)
{
    /// <summary>Whether it is a lock whose owner is recorded and gone: nobody will release it.</summary>
    public bool IsOrphaned { get; init; }

    /// <summary>Whether who must act is outside the machine: it stands for what is behind a network.</summary>
    public bool IsExternal { get; init; }
}
