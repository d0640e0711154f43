using System.Runtime.InteropServices;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads what a process's own memory says of it: command line, environment, loaded images.</summary>
/// <remarks>
/// PEB.ProcessParameters and what it points at lie in user memory, which kernel dumps lack and which the program may change.
/// The environment is text of the form NAME=VALUE, each ended by a zero, the last by two (GetEnvironmentStrings).
/// </remarks>
internal sealed class ProgramReader
{
    private const ulong LowestUserAddress = 0x10000, HighestUserAddress = 0x7fff_ffff_ffff;

    private readonly KernelSession _session;
    private readonly UserModules _modules;
    private readonly FieldSlot _parameters, _commandLine, _imagePath, _environment, _environmentSize;
    private readonly byte[] _buffer;
    private readonly Dictionary<ProcessAddress, string?> _commandLines = [];

    public ProgramReader(KernelSession session, UserModules modules)
    {
        _session = session;
        _modules = modules;
        _parameters = session.Types.Get("_PEB").Optional("ProcessParameters");
        StructLayout parameters = session.Types.Get("_RTL_USER_PROCESS_PARAMETERS");
        _buffer = new byte[parameters.Size];
        _commandLine = parameters.Optional("CommandLine");
        _imagePath = parameters.Optional("ImagePathName");
        _environment = parameters.Optional("Environment");
        _environmentSize = parameters.Optional("EnvironmentSize");
    }

    /// <summary>Reads everything.</summary>
    public ProgramDetails Read(ProcessFacts process)
    {
        if (process.EnvironmentBlock == 0)
            return new ProgramDetails { WhyMissing = "it has no user mode" };
        (ModuleIndex modules, IMemory memory) = _modules.Get(process);
        int? count = modules.Count > 0 ? modules.Count : null;
        if (!TryReadParameters(process, memory))
            return new ProgramDetails { Modules = count, WhyMissing = WhyMissing(process) };
        return new ProgramDetails
        {
            CommandLine = UnicodeStrings.Read(memory, _commandLine.Slice(_buffer)),
            ImagePath = UnicodeStrings.Read(memory, _imagePath.Slice(_buffer)),
            EnvironmentUser = ReadUser(memory, _environment.Read(_buffer), _environmentSize.Read(_buffer)),
            Modules = count,
        };
    }

    /// <summary>The command line alone; null where it is not in the dump. Remembered for the session.</summary>
    public string? ReadCommandLine(ProcessFacts process)
    {
        if (!_commandLines.TryGetValue(process.Address, out string? line))
        {
            if (IsUserPointer(process.EnvironmentBlock)
                && _session.Target.OpenAddressSpace(process.DirectoryTableBase) is var memory
                && TryReadParameters(process, memory))
                line = UnicodeStrings.Read(memory, _commandLine.Slice(_buffer));
            _commandLines.Add(process.Address, line);
        }
        return line;
    }

    private bool TryReadParameters(ProcessFacts process, IMemory memory) =>
        _parameters.IsPresent && _commandLine.IsPresent && IsUserPointer(process.EnvironmentBlock)
        && memory.TryReadPointer(process.EnvironmentBlock + (ulong)_parameters.Offset, out ulong parameters)
        && IsUserPointer(parameters) && memory.TryRead(parameters, _buffer);

    private string WhyMissing(ProcessFacts process) =>
        !_parameters.IsPresent || !_commandLine.IsPresent ? "the kernel's symbols do not describe a program's parameters"
        : process.HasExited ? "its memory went with its end"
        : "its user-mode pages are not in the dump";

    /// <summary>DOMAIN\NAME by the variables USERDOMAIN and USERNAME; null where the second is not there.</summary>
    private static string? ReadUser(IMemory memory, ulong address, ulong size)
    {
        const string Name = "USERNAME=", Domain = "USERDOMAIN=";
        if (!IsUserPointer(address))
            return null;
        byte[] bytes = new byte[size is 0 or > Limits.EnvironmentBytes ? Limits.EnvironmentBytes : (int)size & ~1];
        int read = memory.Read(address, bytes) & ~1;
        ReadOnlySpan<char> rest = MemoryMarshal.Cast<byte, char>(bytes.AsSpan(0, read));
        string? name = null, domain = null;
        while (rest.IndexOf('\0') is var end && end > 0)
        {
            ReadOnlySpan<char> variable = rest[..end];
            if (variable.StartsWith(Name, StringComparison.OrdinalIgnoreCase))
                name ??= variable[Name.Length..].ToString();
            else if (variable.StartsWith(Domain, StringComparison.OrdinalIgnoreCase))
                domain ??= variable[Domain.Length..].ToString();
            rest = rest[(end + 1)..];
        }
        return string.IsNullOrEmpty(name) ? null : string.IsNullOrEmpty(domain) ? name : $@"{domain}\{name}";
    }

    private static bool IsUserPointer(ulong address) => address is >= LowestUserAddress and <= HighestUserAddress;
}
