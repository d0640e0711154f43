using System.Buffers.Binary;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Tests.Matrix;

/// <summary>
/// A dump in which some words of the kernel's memory have other values: damage without writing the file again, and with the
/// symbols that are already open.
/// </summary>
internal sealed class OverlaidTarget(ITarget dump) : ITarget
{
    /// <summary>The other values of aligned words of eight bytes, by address.</summary>
    public Dictionary<ulong, ulong> Words { get; } = [];

    /// <summary>A symbol that no module's symbols have; null for none.</summary>
    public string? HiddenSymbol { get; set; }

    public IMemory KernelMemory => new Overlay(dump.KernelMemory, Words);

    public TargetDescription Description => dump.Description;

    public string SymbolPathAdvice => dump.SymbolPathAdvice;

    public IReadOnlyList<TargetModule> KernelModules => dump.KernelModules;

    public IReadOnlyList<UnloadedModule> UnloadedModules => dump.UnloadedModules;

    public IMemory OpenAddressSpace(ulong directoryTableBase) => new Overlay(dump.OpenAddressSpace(directoryTableBase), Words);

    /// <summary>Other symbols than those of the dump, by the name of the module.</summary>
    public Dictionary<string, ISymbolFile> Symbols { get; } = [];

    public ISymbolFile? GetSymbols(TargetModule module)
    {
        ISymbolFile? symbols = Symbols.GetValueOrDefault(module.Name) ?? dump.GetSymbols(module);
        return symbols is not null && HiddenSymbol is { } hidden ? new Hiding(symbols, hidden) : symbols;
    }

    public HangAnalysis.Targets.Images.ImageVersion? GetVersion(TargetModule module) => dump.GetVersion(module);

    public IReadOnlyList<string> DescribeSearch(TargetModule module) => dump.DescribeSearch(module);

    public UnwindImage GetUnwindImage(TargetModule module) => dump.GetUnwindImage(module);

    public bool TryGetProcessorContext(int processor, out CpuContext context) =>
        dump.TryGetProcessorContext(processor, out context);

    public bool TryGetHeaderContext(out CpuContext context) => dump.TryGetHeaderContext(out context);

    // The dump itself belongs to whoever opened it: many sessions share it.
    public void Dispose() { }

    private sealed class Hiding(ISymbolFile symbols, string hidden) : ISymbolFile
    {
        public string Path => symbols.Path;

        public PdbIdentity? Identity => symbols.Identity;

        public TypeLayout? FindType(string name) => symbols.FindType(name);

        public EnumLayout? FindEnum(string name) => symbols.FindEnum(name);

        public bool TryFindSymbol(string name, out uint rva)
        {
            rva = 0;
            return name != hidden && symbols.TryFindSymbol(name, out rva);
        }

        public bool TryFindNearest(uint rva, out NearestSymbol symbol) => symbols.TryFindNearest(rva, out symbol);

        public void Dispose() { }
    }

    private sealed class Overlay(IMemory memory, Dictionary<ulong, ulong> words) : IMemory
    {
        public int Read(ulong address, Span<byte> buffer)
        {
            int read = memory.Read(address, buffer);
            Span<byte> word = stackalloc byte[8];
            foreach ((ulong at, ulong value) in words)
            {
                if (at + 8 <= address || at >= address + (ulong)read)
                    continue;
                BinaryPrimitives.WriteUInt64LittleEndian(word, value);
                for (int i = 0; i < word.Length; i++)
                    if (at + (ulong)i - address < (ulong)read)
                        buffer[(int)(at + (ulong)i - address)] = word[i];
            }
            return read;
        }
    }
}
