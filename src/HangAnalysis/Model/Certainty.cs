namespace HangAnalysis.Model;

/// <summary>How sure a fact is.</summary>
public enum Certainty
{
    /// <summary>One of several possibilities, or a guess from what is left on a stack.</summary>
    Candidate,

    /// <summary>Follows from facts by a rule that real systems keep but the data does not prove.</summary>
    Inferred,

    /// <summary>Recorded in the dump, and checked against a second field where there is one.</summary>
    Proven,
}
