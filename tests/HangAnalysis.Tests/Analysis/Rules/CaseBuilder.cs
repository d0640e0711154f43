using System.Globalization;
using HangAnalysis.Analysis;
using HangAnalysis.Analysis.Rules;
using HangAnalysis.Model;

namespace HangAnalysis.Tests.Analysis.Rules;

/// <summary>What of a dump rules are held against, as a test says it.</summary>
internal sealed class CaseBuilder
{
    private readonly List<EvidenceStack> _stacks = [];
    private readonly List<ListedModule> _loaded = [];
    private readonly List<ListedModule> _unloaded = [];
    private readonly List<EvidenceModule> _owners = [], _waiters = [], _holders = [];
    private readonly List<TaggedMemory> _tags = [];
    private readonly Dictionary<ulong, ModuleFacts> _addresses = [];
    private readonly List<string> _processes = [];
    private RuleEvidence _evidence;

    private CaseBuilder(RuleEvidence evidence) => _evidence = evidence;

    /// <summary>A system that stopped by itself.</summary>
    public static CaseBuilder Crash(uint code, params ulong[] parameters) => new(new RuleEvidence
    {
        Class = VerdictClass.Crash, Code = code, Parameters = [.. parameters, .. new ulong[4 - parameters.Length]],
    });

    /// <summary>A system that hangs.</summary>
    public static CaseBuilder Hang(VerdictClass verdict = VerdictClass.StuckInDriver) => new(new RuleEvidence { Class = verdict });

    /// <summary>A frame as debuggers print it.</summary>
    public static FrameFacts Frame(string text, string? version = null, DateTime? linked = null)
    {
        int plus = text.LastIndexOf("+0x", StringComparison.Ordinal);
        ulong displacement = plus < 0 ? 0 : ulong.Parse(text.AsSpan(plus + 3), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        string name = plus < 0 ? text : text[..plus];
        int mark = name.IndexOf('!', StringComparison.Ordinal);
        ModuleFacts module = Module(mark < 0 ? name : name[..mark]) with { Version = version, LinkDate = linked };
        return new FrameFacts(0, 0xfffff800_01234000 + displacement, module, mark < 0 ? null : name[(mark + 1)..], displacement,
            Certainty.Proven);
    }

    public static ModuleFacts Module(string name) => new(name, name + ".sys", 0xfffff800_01230000, false);

    public CaseBuilder Fault(string frame, string? version = null, DateTime? linked = null, string? instruction = null)
    {
        _evidence = _evidence with { Fault = Frame(frame, version, linked), Instruction = instruction };
        return Stack("crash", frame);
    }

    public CaseBuilder Stack(string title, params string[] frames)
    {
        _stacks.Add(new EvidenceStack(title, null, [.. frames.Select(f => Frame(f))]));
        return this;
    }

    public CaseBuilder Loaded(params string[] names)
    {
        _loaded.AddRange(names.Select(n => new ListedModule(n, 0xfffff800_05000000, 0xfffff800_05010000)));
        return this;
    }

    public CaseBuilder FaultInUnloaded(string name)
    {
        ListedModule module = new(name, 0xfffff800_07000000, 0xfffff800_07010000);
        _unloaded.Add(module);
        _evidence = _evidence with { FaultUnloaded = module };
        return this;
    }

    public CaseBuilder Unloaded(string name)
    {
        _unloaded.Add(new ListedModule(name, 0xfffff800_07000000, 0xfffff800_07010000));
        return this;
    }

    public CaseBuilder Culprit(string name)
    {
        _evidence = _evidence with { Culprit = new EvidenceModule(Module(name), Phrase.Of($"{name}+0x1234")) };
        return this;
    }

    public CaseBuilder Owner(string name)
    {
        _owners.Add(new EvidenceModule(Module(name), Phrase.Of($"{name}+0x1bce3")));
        return this;
    }

    public CaseBuilder Waiter(string name)
    {
        _waiters.Add(new EvidenceModule(Module(name), Phrase.Of($"{name}+0x1bce3")));
        return this;
    }

    public CaseBuilder RequestAt(string name)
    {
        _holders.Add(new EvidenceModule(Module(name), Phrase.Of($"request at {name}")));
        return this;
    }

    public CaseBuilder Tag(string tag, ulong megabytes, bool isPaged = false)
    {
        _tags.Add(new TaggedMemory(tag, isPaged, megabytes << 20));
        return this;
    }

    public CaseBuilder AddressIn(ulong address, string module)
    {
        _addresses[address] = Module(module);
        return this;
    }

    public CaseBuilder Process(string name)
    {
        _processes.Add(name);
        return this;
    }

    public CaseBuilder Build(int build)
    {
        _evidence = _evidence with { Build = build };
        return this;
    }

    public CaseBuilder Of(int year, int month, int day)
    {
        _evidence = _evidence with { Time = new DateTimeOffset(year, month, day, 6, 0, 0, TimeSpan.Zero) };
        return this;
    }

    public CaseBuilder Waits(double seconds)
    {
        _evidence = _evidence with { LongestWait = TimeSpan.FromSeconds(seconds) };
        return this;
    }

    public CaseBuilder Cause(CrashCause cause, Certainty certainty = Certainty.Proven)
    {
        _evidence = _evidence with { Cause = (cause, certainty) };
        return this;
    }

    public RuleEvidence Make() => _evidence with
    {
        Stacks = _stacks,
        Owners = _owners,
        Waiters = _waiters,
        RequestHolders = _holders,
        Processes = _processes,
        FindModule = address => _addresses.GetValueOrDefault(address),
        Inventory = new SystemInventory
        {
            StopCode = _evidence.Code, StopParameters = _evidence.Parameters, Modules = _loaded, UnloadedModules = _unloaded, PoolTags = _tags,
        },
    };
}
