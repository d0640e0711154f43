using System.Runtime.InteropServices;

namespace HangAnalysis.DbgEng;

/// <summary>DEBUG_STACK_FRAME; what nobody reads has no name here.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
public readonly struct DebugStackFrame
{
    /// <summary>Where the frame's function stands or will go on.</summary>
    public readonly ulong InstructionOffset;

    /// <summary>Where its caller will go on.</summary>
    public readonly ulong ReturnOffset;

    /// <summary>Address of the frame.</summary>
    public readonly ulong FrameOffset;

    /// <summary>RSP in the frame.</summary>
    public readonly ulong StackOffset;
}

/// <summary>IDebugControl4: output, commands, what is being debugged.</summary>
public sealed unsafe class DebugControl : IDisposable
{
    /// <summary>DEBUG_OUTPUT_NORMAL.</summary>
    public const uint OutputNormal = 1;

    /// <summary>DEBUG_OUTPUT_ERROR.</summary>
    public const uint OutputError = 2;

    /// <summary>DEBUG_OUTCTL_AMBIENT_DML: to whom the command that runs writes, as DML.</summary>
    public const uint AmbientDml = 0xffff_fffe;

    /// <summary>DEBUG_OUTCTL_AMBIENT_TEXT: to whom the command that runs writes, as text.</summary>
    public const uint AmbientText = 0xffff_ffff;

    /// <summary>DEBUG_ENGOPT_PREFER_DML, which <c>.prefer_dml 1</c> sets.</summary>
    public const uint OptionPreferDml = 0x0004_0000;

    /// <summary>DEBUG_CLASS_KERNEL.</summary>
    public const uint ClassKernel = 1;

    /// <summary>DEBUG_KERNEL_SMALL_DUMP.</summary>
    public const uint KernelSmallDump = 1024;

    /// <summary>DEBUG_STATUS_BREAK.</summary>
    public const uint StatusBreak = 6;

    /// <summary>DEBUG_STATUS_NO_DEBUGGEE.</summary>
    public const uint StatusNoDebuggee = 7;

    private static readonly Guid s_id = new("94e60ce9-9b41-4b19-9fc0-6d9eb35272b3");
    private readonly DebugInterface _control;

    /// <summary>Takes the interface from a client.</summary>
    public DebugControl(DebugInterface client) => _control = client.Query(s_id);

    /// <summary>The engine's options (DEBUG_ENGOPT_*).</summary>
    public uint EngineOptions
    {
        get
        {
            uint options;
            return ((delegate* unmanaged[Stdcall]<nint, uint*, int>)_control[53])(_control.Pointer, &options) < 0 ? 0 : options;
        }
    }

    /// <summary>Whether the user asked for a break since the last call. The engine allows this call on every thread.</summary>
    public bool GetInterrupt() => ((delegate* unmanaged[Stdcall]<nint, int>)_control[3])(_control.Pointer) == DebugInterface.Ok;

    /// <summary>Asks the engine to break (DEBUG_INTERRUPT_*); allowed on every thread.</summary>
    public void SetInterrupt(uint flags) =>
        ((delegate* unmanaged[Stdcall]<nint, uint, int>)_control[4])(_control.Pointer, flags);

    /// <summary>Writes a text. It is an argument of the format <c>%s</c>: signs of per cent in it mean nothing.</summary>
    public void Output(uint outputControl, uint mask, string text)
    {
        // ControlledOutputWide takes variable arguments: on x64 those go where fixed ones do.
        fixed (char* format = "%s", chars = text)
            ((delegate* unmanaged[Cdecl]<nint, uint, uint, char*, char*, int>)_control[122])(
                _control.Pointer, outputControl, mask, format, chars);
    }

    /// <summary>The value of an expression such as <c>@$proc</c>; false where the engine does not understand it.</summary>
    public bool TryEvaluate(string expression, out ulong result)
    {
        const uint Int64 = 4; // DEBUG_VALUE_INT64
        const int ValueWords = 4; // DEBUG_VALUE: 24 bytes of union, 8 of tail and type
        ulong* value = stackalloc ulong[ValueWords];
        uint remainder;
        fixed (char* chars = expression)
        {
            int code = ((delegate* unmanaged[Stdcall]<nint, char*, uint, ulong*, uint*, int>)_control[132])(
                _control.Pointer, chars, Int64, value, &remainder);
            result = code < 0 ? 0 : *value;
            return code >= 0 && remainder == expression.Length;
        }
    }

    /// <summary>Runs a debugger command.</summary>
    public int Execute(uint outputControl, string command, uint flags)
    {
        fixed (char* chars = command)
            return ((delegate* unmanaged[Stdcall]<nint, uint, char*, uint, int>)_control[133])(
                _control.Pointer, outputControl, chars, flags);
    }

    /// <summary>Walks the implicit thread's stack; returns how many frames were found.</summary>
    public int GetStackTrace(Span<DebugStackFrame> frames)
    {
        uint filled = 0;
        fixed (DebugStackFrame* first = frames)
        {
            int result = ((delegate* unmanaged[Stdcall]<nint, ulong, ulong, ulong, DebugStackFrame*, uint, uint*, int>)_control[31])(
                _control.Pointer, 0, 0, 0, first, (uint)frames.Length, &filled);
            return result < 0 ? 0 : (int)Math.Min(filled, (uint)frames.Length);
        }
    }

    /// <summary>DEBUG_STATUS_*: whether the target can be looked at, or shall run.</summary>
    public uint GetExecutionStatus() => GetValue(49);

    /// <summary>Waits until the target can be looked at; returns the HRESULT.</summary>
    public int WaitForEvent(uint milliseconds) =>
        ((delegate* unmanaged[Stdcall]<nint, uint, uint, int>)_control[93])(_control.Pointer, 0, milliseconds);

    /// <summary>DEBUG_CLASS_* and the qualifier of what is being debugged.</summary>
    public (uint Class, uint Qualifier) GetDebuggeeType()
    {
        uint debuggee, qualifier;
        int result = ((delegate* unmanaged[Stdcall]<nint, uint*, uint*, int>)_control[34])(_control.Pointer, &debuggee, &qualifier);
        DebugEngineException.ThrowIfFailed(result, "GetDebuggeeType");
        return (debuggee, qualifier);
    }

    /// <summary>IMAGE_FILE_MACHINE of the target's processors; 0 where unknown.</summary>
    public uint GetActualProcessorType() => GetValue(35);

    /// <summary>Processors of the target; 0 where unknown.</summary>
    public uint GetNumberProcessors() => GetValue(39);

    /// <summary>Seconds since 1970 at which the target stopped; 0 where unknown.</summary>
    public uint GetCurrentTimeDate() => GetValue(95);

    /// <summary>Seconds since the target's start; 0 where unknown.</summary>
    public uint GetCurrentSystemUpTime() => GetValue(96);

    /// <summary>Build of the target's system; 0 where unknown.</summary>
    public uint GetSystemBuild()
    {
        uint platform, major, build, servicePack;
        int result = ((delegate* unmanaged[Stdcall]<nint, uint*, uint*, uint*, byte*, uint, uint*, uint*, byte*, uint, uint*, int>)
            _control[40])(_control.Pointer, &platform, &major, &build, null, 0, null, &servicePack, null, 0, null);
        return result < 0 ? 0 : build;
    }

    /// <summary>Code and four parameters of the bug check; false where there is none.</summary>
    public bool TryReadBugCheck(out uint code, Span<ulong> parameters)
    {
        uint value;
        ulong a, b, c, d;
        int result = ((delegate* unmanaged[Stdcall]<nint, uint*, ulong*, ulong*, ulong*, ulong*, int>)_control[43])(
            _control.Pointer, &value, &a, &b, &c, &d);
        code = result < 0 ? 0 : value;
        if (code == 0)
            return false;
        (parameters[0], parameters[1], parameters[2], parameters[3]) = (a, b, c, d);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _control.Release();

    private uint GetValue(int slot)
    {
        uint value;
        return ((delegate* unmanaged[Stdcall]<nint, uint*, int>)_control[slot])(_control.Pointer, &value) < 0 ? 0 : value;
    }
}
