namespace HangAnalysis.Model;

/// <summary>Collects the steps of the wait graph from the readers of each kind of wait.</summary>
internal sealed class WaitGraphBuilder
{
    private readonly Dictionary<(ObjectReference From, ObjectReference To), int> _known = [];
    private readonly HashSet<ObjectReference> _waiting = [];
    private readonly HashSet<ObjectReference> _owing = [];
    private readonly Dictionary<ObjectReference, ObjectFacts> _objects = [];

    /// <summary>The steps found so far.</summary>
    public List<WaitEdge> Edges { get; } = [];

    /// <summary>What is known of the objects of the graph that are neither threads nor processes.</summary>
    public IReadOnlyDictionary<ObjectReference, ObjectFacts> Objects => _objects;

    /// <summary>Adds a step; of several between the same two objects the surest stays, whatever was read first.</summary>
    public void Add(ObjectReference from, ObjectReference to, Phrase what, Certainty certainty, string evidence)
    {
        WaitEdge edge = new(from, to, what, certainty, evidence);
        if (_known.TryAdd((from, to), Edges.Count))
            Edges.Add(edge);
        else if (Edges[_known[(from, to)]].Certainty < certainty)
            Edges[_known[(from, to)]] = edge;
        _waiting.Add(from);
        if (from.Kind is ObjectKind.Lock or ObjectKind.Message)
            _owing.Add(to);
    }

    /// <summary>Whether it is known what an object waits for.</summary>
    public bool HasSteps(ObjectReference from) => _waiting.Contains(from);

    /// <summary>Whether an object owes a lock or an answer to somebody.</summary>
    public bool Owes(ObjectReference to) => _owing.Contains(to);

    /// <summary>Tells what an object is.</summary>
    public void Describe(ObjectFacts facts) => _objects[facts.Reference] = facts;
}
