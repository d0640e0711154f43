using System.Security.Cryptography;
using System.Text;
using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Pdb;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// An image of a forged system. Frames put symbols and return addresses into it; the functions around them, with
/// unwind information that fits the frames, are made at the end. Symbols and functions are independent: where another
/// symbol lies between a symbol and the return address, or the distance is large, the function is a small one around
/// the return address, as it is in optimised images whose cold parts were moved.
/// </summary>
public sealed partial class ForgedModule
{
    private const uint FarDistance = 0x2000, LeadIn = 0x30, LeadOut = 0x20, CodePrologue = 0x10;
    private readonly SortedDictionary<uint, string> _symbols = [];
    private readonly Dictionary<string, uint> _rvas = new(StringComparer.Ordinal);
    private readonly SortedDictionary<uint, (string? Symbol, FunctionFrame Frame)> _sites = [];
    private readonly List<(uint Begin, uint End)> _claims = [];
    private readonly HashSet<uint> _labels = [];
    private readonly Dictionary<string, FunctionFrame> _frames = new(StringComparer.Ordinal);
    private readonly List<(string Name, uint Rva, int Size)> _variables = [];
    private readonly SortedSet<string> _exports = new(StringComparer.Ordinal);
    private readonly List<(uint Rva, byte[] Bytes)> _instructions = [];
    private readonly List<(uint Rva, byte[] Instructions)> _code = [];
    private uint _nextVariable;

    internal ForgedModule(
        string fileName, ulong imageBase, bool isUser, Architecture architecture = Architecture.X64)
    {
        Architecture = architecture;
        FileName = fileName;
        Base = imageBase;
        IsUser = isUser;
        Name = Path.GetFileNameWithoutExtension(fileName);
        FullPath = isUser ? $@"C:\Windows\System32\{fileName}" : $@"\SystemRoot\System32\drivers\{fileName}";
        // A link time that differs by module and not by run: between 2015 and 2018.
        TimeDateStamp = 0x54a48e00 + (uint)(Hash(fileName) % 94_000_000);
    }

    /// <summary>Name before the '!' of a frame.</summary>
    public string Name { get; set; }

    public string FileName { get; set; }

    public string FullPath { get; set; }

    public ulong Base { get; }

    public bool IsUser { get; }

    public Architecture Architecture { get; }

    public uint TimeDateStamp { get; set; }

    public uint MinimumSize { get; set; }

    public VersionInfo? Version { get; set; }

    /// <summary>PDB's file name; null for an image that has none.</summary>
    public string? PdbName { get; set; }

    /// <summary>Types of the PDB; null for none. The kernel's are those of its layout.</summary>
    public KernelLayout? Types { get; set; }

    /// <summary>Where variables go.</summary>
    public uint DataRva { get; set; } = 0x300000;

    /// <summary>Least room for a function whose place is chosen here.</summary>
    public uint Spacing { get; set; } = 0x400;

    /// <summary>Code that stands somewhere in a function's body, by its RVA.</summary>
    public IDictionary<uint, byte[]> Code { get; } = new SortedDictionary<uint, byte[]>();

    /// <summary>The finished image.</summary>
    public PeImage? Image { get; private set; }

    public ForgedModule WithVersion(string company, string version, string description = "")
    {
        Version = new VersionInfo(
            company, description.Length > 0 ? description : FileName, version, version.Split(' ')[0], FileName)
        {
            FixedVersion = version.Split(' ')[0],
        };
        return this;
    }

    public ForgedModule WithPdb(string? pdbName = null)
    {
        PdbName = pdbName ?? Path.GetFileNameWithoutExtension(FileName) + ".pdb";
        return this;
    }

    /// <summary>Gives a symbol, once it has a place, to the export table too.</summary>
    public ForgedModule Export(string symbol)
    {
        _exports.Add(symbol);
        return this;
    }

    /// <summary>Whether an address lies in the image; before the image is finished, in its least size.</summary>
    public bool Contains(ulong address) => address - Base < (Image?.SizeOfImage ?? MinimumSize);

    /// <summary>Puts instructions into the body of a function, by RVA.</summary>
    public ForgedModule WithCode(uint rva, params byte[] instructions)
    {
        _instructions.Add((rva, instructions));
        return this;
    }

    /// <summary>Address of a function, which gets a place where it has none.</summary>
    public ulong Function(string symbol) => Base + SymbolRva(symbol, 0x20);

    /// <summary>Address of a variable of zeros; with an address, there.</summary>
    public ulong Variable(string name, int size, ulong? address = null)
    {
        if (_rvas.TryGetValue(name, out uint known))
            return Base + known;
        if (_nextVariable == 0)
            _nextVariable = DataRva;
        uint rva;
        if (address is { } there)
            rva = (uint)(there - Base);
        else
        {
            rva = _nextVariable;
            _nextVariable = rva + (uint)size + 15 & ~15u;
        }
        _rvas.Add(name, rva);
        _variables.Add((name, rva, size));
        return Base + rva;
    }

    /// <summary>
    /// Puts a return address into the module and says where, and what its frame is like; the first place in a function may
    /// say how large its frame is with the return address.
    /// </summary>
    public StackFrame PlaceFrame(string? symbol, uint offset, ulong? address, string text, int? extent = null)
    {
        uint rva;
        if (extent is { } bytes && symbol is not null && !_rvas.ContainsKey(symbol))
            _frames.Add(symbol, Architecture == Architecture.X86 ? ListedFrame(symbol, bytes)
                : bytes == 8 ? FunctionFrame.Leaf : FunctionFrame.Sub(bytes - 8));
        if (symbol is null)
        {
            rva = offset;
            if (address is { } given && given != Base + rva)
                throw new ArgumentException($"{text}: the module lies at {Base:x}");
            Claim(rva - LeadIn, rva + LeadOut, text);
        }
        else if (address is { } given)
        {
            rva = (uint)(given - Base);
            if (_rvas.TryGetValue(symbol, out uint known))
            {
                if (known + offset != rva)
                    throw new ArgumentException($"{text}: {symbol} is already at {Base + known:x}");
            }
            else
            {
                uint start = rva - offset - (s_entries.TryGetValue(symbol, out (string, uint Lead) entry) ? entry.Lead : 0);
                AddSymbol(symbol, rva - offset);
                Claim(start, rva + LeadOut, text);
            }
        }
        else
            rva = SymbolRva(symbol, offset) + offset;
        FunctionFrame frame = FrameOf(symbol, rva);
        _sites.TryAdd(rva, (symbol, frame));
        return new StackFrame(this, text, Base + rva, frame)
        {
            Symbol = symbol,
            Function = Base + (symbol is null ? rva - LeadIn : _rvas[symbol]),
            // Debuggers know of parameters only from the PDB's programs.
            Arguments = frame is X86Frame { HasProgram: true, IsTrap: false } narrow ? narrow.Parameters : 0,
        };
    }

    /// <summary>Puts a function into the module whose instructions are given; a return address follows them.</summary>
    public ForgedModule AddCode(uint rva, byte[] instructions)
    {
        Claim(rva - CodePrologue, rva + (uint)instructions.Length + LeadOut, $"code at {rva:x}");
        _code.Add((rva, instructions));
        return this;
    }

    internal PeImage Build(string identity, KernelLayout? types)
    {
        PeImageBuilder builder = new(FileName, Base)
        {
            SizeOfImage = MinimumSize,
            TimeDateStamp = TimeDateStamp,
            Version = Version,
            Architecture = Architecture,
            IsDll = IsUser && !FileName.EndsWith(".exe", StringComparison.OrdinalIgnoreCase),
            Subsystem = IsUser ? 2 : 1,
        };
        // A symbol names only what lies in its own section.
        foreach ((uint site, (string? symbol, FunctionFrame _)) in _sites)
            if (symbol is not null)
                builder.LargestHole = Math.Max(builder.LargestHole, (int)((site - _rvas[symbol]) / 0x1000) + 1);
        if (PdbName is not null)
        {
            builder.PdbName = PdbName;
            string seed = $"{identity}/{FileName}/{types?.Version}";
            builder.PdbGuid = new Guid(SHA256.HashData(Encoding.UTF8.GetBytes(seed)).AsSpan(0, 16));
        }
        foreach ((string name, uint rva, int size) in _variables)
            builder.AddData(rva, new byte[size], name);
        AddFunctions(builder);
        foreach ((uint rva, byte[] bytes) in _instructions)
            builder.AddData(rva, bytes);
        foreach ((uint rva, byte[] instructions) in _code)
        {
            builder.AddFunction(rva - CodePrologue, CodePrologue + (uint)instructions.Length + LeadOut,
                Architecture == Architecture.Arm64 ? new Arm64Frame(Arm64FrameKind.Plain, 0x50) : FunctionFrame.Sub(0x28));
            builder.AddData(rva, instructions);
        }
        foreach ((uint rva, string symbol) in _symbols)
            builder.AddSymbol(symbol, rva, isFunction: true);
        foreach (string symbol in _exports)
            if (_rvas.TryGetValue(symbol, out uint rva))
                builder.AddExport(symbol, rva);
        return Image = builder.Build();
    }

    /// <summary>
    /// The PDB. Frames are written as debuggers show them, and those drop one underscore of a public name that begins with
    /// one: such names stand in the PDB with one more.
    /// </summary>
    internal byte[] BuildPdb(KernelLayout? types)
    {
        PdbBuilder pdb = new(Image!.PdbGuid, Image.PdbAge, Image.Sections)
        {
            Types = types,
            Machine = PeHeader.Machine(Architecture),
            Functions = Image.Functions,
        };
        foreach (PeSymbol symbol in Image.Symbols)
            pdb.AddPublic(Architecture == Architecture.X86 ? X86Decoration.Of(symbol.Name, symbol.IsFunction)
                : symbol.Name.StartsWith('_') ? "_" + symbol.Name : symbol.Name, symbol.Rva, symbol.IsFunction);
        return pdb.Build();
    }

    // Labels to which the kernel returns on the way to user mode, the functions whose frames they are in, and the distance.
    private static readonly Dictionary<string, (string Function, uint Lead)> s_entries = new(StringComparer.Ordinal)
    {
        ["KiSystemServiceCopyEnd"] = ("KiSystemCall64", 0x200),
        ["KiStartUserThreadReturn"] = ("KxStartUserThread", 0x40),
    };

    /// <summary>Whether a symbol's frame is that between kernel and user mode.</summary>
    internal static bool IsEntry(string symbol) =>
        s_entries.ContainsKey(symbol) || symbol is "KiFastCallEntry" or "KiServiceExit";

    private uint SymbolRva(string symbol, uint offset)
    {
        if (_rvas.TryGetValue(symbol, out uint rva))
        {
            foreach ((uint other, string between) in _symbols)
                if (other > rva && other <= rva + offset)
                    throw new ArgumentException($"{FileName}: {between} lies before {symbol}+{offset:x}");
            return rva;
        }
        uint lead = s_entries.TryGetValue(symbol, out (string, uint Lead) entry) ? entry.Lead : 0;
        // Room for larger offsets of later frames.
        uint size = lead + Math.Max(Spacing, offset + 0x240 & ~0x1ffu);
        uint at = 0x1000;
        // First fit; claims are few, and stay sorted by their begin.
        foreach ((uint begin, uint end) in _claims)
            if (at + size > begin && at < end)
                at = end + 15 & ~15u;
        if (_variables.Count > 0 && at < DataRva && at + size > DataRva)
            throw new InvalidOperationException($"{FileName}: no room for {symbol} before its data");
        Claim(at, at + size, symbol);
        AddSymbol(symbol, at + lead);
        return at + lead;
    }

    private void AddSymbol(string symbol, uint rva)
    {
        if (s_entries.TryGetValue(symbol, out (string Function, uint Lead) entry))
        {
            _symbols[rva - entry.Lead] = entry.Function;
            _rvas[entry.Function] = rva - entry.Lead;
            _labels.Add(rva);
        }
        if (!_symbols.TryAdd(rva, symbol))
            throw new ArgumentException($"{FileName}: {symbol} lies where {_symbols[rva]} is");
        _rvas.Add(symbol, rva);
    }

    // Symbols in a claimed stretch would name its end: only frames with given addresses may overlap.
    private void Claim(uint begin, uint end, string owner)
    {
        int at = _claims.FindIndex(claim => claim.Begin > begin);
        _claims.Insert(at < 0 ? _claims.Count : at, (begin, end));
        if (begin > 0x80000000)
            throw new ArgumentException($"{FileName}: {owner} lies before the image");
        MinimumSize = Math.Max(MinimumSize, end + 0xfff & ~0xfffu);
    }

    private void AddFunctions(PeImageBuilder builder)
    {
        List<(uint Begin, uint End, FunctionFrame Frame)> functions = [];
        Dictionary<string, int> byName = new(StringComparer.Ordinal);
        uint[] starts = [.. _symbols.Keys.Where(rva => !_labels.Contains(rva))];
        foreach (uint start in starts)
        {
            string symbol = _symbols[start];
            byName[symbol] = functions.Count;
            FunctionFrame frame = s_entries.Any(entry => entry.Value.Function == symbol)
                ? FunctionFrame.SystemCall : FrameOf(symbol, start);
            functions.Add((start, start + LeadOut, frame));
        }
        foreach ((uint site, (string? symbol, FunctionFrame frame)) in _sites)
        {
            string? owner = symbol is not null && s_entries.TryGetValue(symbol, out (string Function, uint) entry)
                ? entry.Function : symbol;
            if (owner is not null)
            {
                uint start = _rvas[owner];
                int next = Array.BinarySearch(starts, start) + 1;
                bool isFar = site - start > FarDistance || next < starts.Length && starts[next] <= site;
                if (!isFar)
                {
                    int index = byName[owner];
                    functions[index] = functions[index] with
                    {
                        End = Math.Max(functions[index].End, site + LeadOut),
                    };
                    continue;
                }
            }
            functions.Add((site - LeadIn, site + LeadOut, frame));
        }
        Join(functions);
        foreach ((uint begin, uint end, FunctionFrame frame) in functions)
            builder.AddFunction(begin, end - begin, frame);
        foreach ((uint site, (string? symbol, FunctionFrame frame)) in _sites)
            if (frame is Arm64Frame)
                builder.AddCall(site, functions[0].Begin);
            else if (frame is X86Frame narrow)
            {
                if (!HasCodeBefore(site))
                    AddX86Call(builder, site, narrow, functions[0].Begin);
            }
            else if (frame.IsLeaf)
                builder.AddData(site - 2, [0x0f, 0x05]);
            else if ((symbol is null || !IsEntry(symbol)) && !HasCodeBefore(site))
                builder.AddCall(site, functions[0].Begin);
        foreach ((uint rva, byte[] code) in Code)
            builder.AddData(rva, code);
    }

    /// <summary>Whether other code stands where the call before a return address would.</summary>
    private bool HasCodeBefore(uint site)
    {
        const uint CallLength = 5;
        foreach ((uint rva, byte[] code) in Code)
            if (rva < site && rva + (uint)code.Length > site - CallLength)
                return true;
        return false;
    }

    // Behind what the instruction returns: a call by address, by register (of a system's service), or sysenter.
    private static void AddX86Call(PeImageBuilder builder, uint site, X86Frame frame, uint target)
    {
        if (frame.Kind == X86FrameKind.SystemCallEntry)
            builder.AddData(site - 2, [0xff, 0xd3]);
        else if (frame.Kind == X86FrameKind.SystemCallReturn)
            builder.AddData(site - 2, [0x0f, 0x34]);
        else if (frame.Kind != X86FrameKind.SystemCallStub)
            builder.AddCall(site, target);
    }

    // Sorts, and cuts what overlaps; far parts of one function become one.
    private static void Join(List<(uint Begin, uint End, FunctionFrame Frame)> functions)
    {
        functions.Sort((a, b) => a.Begin.CompareTo(b.Begin));
        for (int i = 0; i + 1 < functions.Count;)
        {
            (uint begin, uint end, FunctionFrame frame) = functions[i];
            (uint nextBegin, uint nextEnd, FunctionFrame nextFrame) = functions[i + 1];
            if (end <= nextBegin)
                i++;
            else if (frame.Size == nextFrame.Size && frame.IsLeaf == nextFrame.IsLeaf)
            {
                functions[i] = (begin, Math.Max(end, nextEnd), frame);
                functions.RemoveAt(i + 1);
            }
            else
                functions[i++] = (begin, nextBegin, frame);
        }
    }

    // FNV-1a: the same on every run and machine.
    internal static ulong Hash(string text)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (char c in text)
            hash = (hash ^ c) * 0x100000001b3;
        return hash;
    }
}
